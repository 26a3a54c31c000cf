import { randomBytes } from 'node:crypto';
import fastifyStatic from '@fastify/static';
import type { FastifyReply } from 'fastify';
import { CONSOLE_PATHS, NONCE_PLACEHOLDER } from '../../rules/console-paths.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { problem } from '../http/problems.ts';
import { type Console, openConsole } from './console-build.ts';
import { toRoutePath } from './route-path.ts';

const ASSETS = '/assets';
const ASSET_AGE = '365d';
/** The files lie beside each other, and no name begins with a dot. */
const FILE = /^\/[\w-][\w.-]*$/;
const NONCE_BYTES = 16;

/**
 * Serves the console: its page at each of its paths, and the files that the page loads. Without a
 * build, these paths answer a problem.
 *
 * @throws Error if the folder of `CONSOLE_DIR` has no build
 */
export const registerConsoleRoutes = async (app: App, { config }: ApiDeps): Promise<void> => {
  const built = config.consoleDir === undefined ? undefined : await openConsole(config.consoleDir);
  for (const path of CONSOLE_PATHS) {
    app.get(toRoutePath(path), { schema: { hide: true } }, (_request, reply) =>
      sendPage(reply, built),
    );
  }
  await app.register(
    async (scope) => {
      if (built === undefined) {
        scope.get('/*', { schema: { hide: true } }, () => Promise.reject(notBuilt()));
        return;
      }
      scope.setNotFoundHandler(() =>
        Promise.reject(problem('not-found', 'The console has no such file.')),
      );
      await scope.register(fastifyStatic, {
        root: built.assetsDir,
        index: false,
        allowedPath: (path) => FILE.test(path),
        // The name of each file has the hash of its content.
        immutable: true,
        maxAge: ASSET_AGE,
        preCompressed: true,
        schemaHide: true,
        setHeaders: (response) => {
          response.setHeader('vary', 'Accept-Encoding');
        },
      });
    },
    { prefix: ASSETS },
  );
};

const notBuilt = () =>
  problem(
    'console-not-built',
    'This API has no build of the console. Run "npm run build:console -- <folder>", ' +
      'set CONSOLE_DIR to that folder, and start the API again. The API is described at /docs.',
  );

const sendPage = (reply: FastifyReply, built: Console | undefined): FastifyReply => {
  if (built === undefined) throw notBuilt();
  const nonce = randomBytes(NONCE_BYTES).toString('base64');
  return reply
    .header('content-security-policy', policyWith(nonce))
    .type('text/html; charset=utf-8')
    .send(built.page.replaceAll(NONCE_PLACEHOLDER, nonce));
};

/** The styles that the kit adds while the page runs carry the nonce. Scripts are files only. */
const policyWith = (nonce: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
