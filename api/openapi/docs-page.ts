import { readFile } from 'node:fs/promises';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from '../http/app.ts';

/** Swagger UI styles its elements from script and loads nothing from elsewhere. */
const DOCS_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PREFIX = '/docs';
const STATIC = `${PREFIX}/static`;
const OWN = `${STATIC}/theme`;

/** Replaces the page of Swagger UI, which has its own name and icon, and no viewport. */
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Keepsake API</title>
<link rel="icon" type="image/svg+xml" href="${OWN}/icon.svg">
<link rel="stylesheet" href="${STATIC}/swagger-ui.css">
<link rel="stylesheet" href="${OWN}/docs.css">
<script src="${OWN}/theme.js"></script>
</head>
<body>
<noscript>This page needs JavaScript.
<a href="/openapi.json">Read the OpenAPI document instead</a></noscript>
<div id="swagger-ui"></div>
<script src="${STATIC}/swagger-ui-bundle.js"></script>
<script src="${OWN}/docs.js"></script>
</body>
</html>
`;

/** Own files of the documentation, in docs/. */
export const readOwn = (name: string): Promise<string> =>
  readFile(new URL(`docs/${name}`, import.meta.url), 'utf8');

/** Serves the readable documentation. */
export const serveDocs = async (app: App): Promise<void> => {
  await app.register(swaggerUi, {
    routePrefix: PREFIX,
    staticCSP: DOCS_CSP,
    theme: await loadTheme(),
    uiHooks: { preHandler: answerPage },
  });
};

const loadTheme = async () => {
  const icon = { rel: 'icon', type: 'image/svg+xml', sizes: 'any' };
  return {
    css: [{ filename: 'docs.css', content: await readOwn('docs.css') }],
    js: [
      { filename: 'theme.js', content: await readOwn('theme.js') },
      { filename: 'docs.js', content: await readOwn('docs.js') },
    ],
    favicon: [{ filename: 'icon.svg', ...icon, content: await readOwn('icon.svg') }],
  };
};

const answerPage = (
  { routeOptions: { url } }: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
): void => {
  if (url === PREFIX || url === `${PREFIX}/`) {
    void reply.type('text/html; charset=utf-8').send(PAGE);
  } else {
    done();
  }
};
