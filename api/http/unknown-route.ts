import type { App } from './app.ts';
import { problem } from './problems.ts';

interface KnownRoute {
  pattern: RegExp;
  methods: Set<string>;
}

/**
 * Returns 405 with `Allow` if a path has other methods, and 404 if the path does not exist, before
 * the body is read.
 */
export const answerUnknown = (app: App): void => {
  const routes = new Map<string, KnownRoute>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const name of [method].flat()) known.methods.add(name);
    routes.set(url, known);
  });
  app.addHook('onRequest', async (request) => {
    if (!request.is404) return;
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = [...routes.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap(({ methods }) => [...methods]);
    if (allowed.length === 0) throw problem('not-found', 'This path does not exist.');
    const allow = [...new Set(allowed)].toSorted().join(', ');
    throw problem('method-not-allowed', `This path allows ${allow}.`, { headers: { allow } });
  });
};

const patternOf = (url: string): RegExp =>
  new RegExp(`^${url.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll(/:\w+/g, '[^/]+')}$`);
