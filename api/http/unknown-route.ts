import type { App } from './app.ts';
import { problem } from './problems.ts';

interface KnownRoute {
  pattern: RegExp;
  methods: Set<string>;
}

const patternOf = (url: string): RegExp =>
  new RegExp(`^${url.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll(/:\w+/g, '[^/]+')}$`);

/**
 * Answers 405 with `Allow` where a path knows other methods, 404 where there is no such path;
 * before anything of a body is read.
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
    if (allowed.length === 0) throw problem('not-found', 'There is no such path.');
    const allow = [...new Set(allowed)].toSorted().join(', ');
    throw problem('method-not-allowed', `This path knows ${allow}.`, { headers: { allow } });
  });
};
