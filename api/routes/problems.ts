import { z } from 'zod';
import type { App } from '../app.ts';
import { escapeHtml, pageCsp } from '../html-page.ts';
import { problem, PROBLEMS, type ProblemSlug } from '../problems.ts';

const STYLE =
  'body{font:1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem;' +
  'color:#1a1a1a;background:#fff}@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}}';

const PAGE_CSP = pageCsp(STYLE);

/** The catalogue's texts are ours; backticks are the only markup in them. */
const toHtml = (text: string): string =>
  escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

const pageOf = (slug: ProblemSlug): string => {
  const { status, title, advice } = PROBLEMS[slug];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${toHtml(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${toHtml(title)}</h1>
<p>HTTP status ${status}, type <code>/problems/${slug}</code></p>
<p>${toHtml(advice)}</p></main></body>
</html>
`;
};

const isSlug = (text: string): text is ProblemSlug => Object.hasOwn(PROBLEMS, text);

export const registerProblemRoutes = (app: App): void => {
  app.get(
    '/problems/:slug',
    {
      schema: {
        operationId: 'getProblemPage',
        summary: 'A readable page about one kind of error',
        tags: ['service'],
        params: z.strictObject({ slug: z.string().meta({ enum: Object.keys(PROBLEMS) }) }),
        response: {
          200: { description: 'The page', content: { 'text/html': { schema: z.string() } } },
        },
      },
    },
    async ({ params: { slug } }, reply) => {
      if (!isSlug(slug)) throw problem('not-found', 'There is no such kind of error.');
      return reply
        .header('content-security-policy', PAGE_CSP)
        .type('text/html; charset=utf-8')
        .serializer((page: string) => page)
        .send(pageOf(slug));
    },
  );
};
