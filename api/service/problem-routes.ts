import { z } from 'zod';
import { escapeHtml } from '../../rules/escape-html.ts';
import type { App } from '../http/app.ts';
import { PAGE_STYLE, pageCsp } from '../http/html-page.ts';
import { problem, PROBLEMS, type ProblemSlug } from '../http/problems.ts';

const STYLE =
  PAGE_STYLE +
  'h2{margin:1.5rem 0 .5rem;font-size:1.1rem}p{margin:0 0 1rem;overflow-wrap:anywhere}' +
  'a{color:var(--act)}code{font-size:.9em}small{color:var(--soft)}';

const PAGE_CSP = pageCsp(STYLE);

export const registerProblemRoutes = (app: App): void => {
  app.get(
    '/problems/:slug',
    {
      schema: {
        operationId: 'getProblemPage',
        summary: 'A readable page about one type of error',
        tags: ['service'],
        params: z.strictObject({ slug: z.string().meta({ enum: Object.keys(PROBLEMS) }) }),
        response: {
          200: { description: 'The page', content: { 'text/html': { schema: z.string() } } },
        },
      },
    },
    async ({ params: { slug } }, reply) => {
      if (!isSlug(slug)) throw problem('not-found', 'This type of error does not exist.');
      return reply
        .header('content-security-policy', PAGE_CSP)
        .type('text/html; charset=utf-8')
        .serializer((page: string) => page)
        .send(pageOf(slug));
    },
  );
};

const isSlug = (text: string): text is ProblemSlug => Object.hasOwn(PROBLEMS, text);

const pageOf = (slug: ProblemSlug): string => {
  const { status, title, advice } = PROBLEMS[slug];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${toHtml(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${toHtml(title)}</h1>
<p><small>HTTP status ${status}, type <code>/problems/${slug}</code></small></p>
<h2>What to do</h2>
<p>${toHtml(advice)}</p>
<p>The <code>detail</code> of the response says what failed. To report the problem, give its <code>requestId</code>.</p>
<p><a href="/docs">How this API works</a></p></main></body>
</html>
`;
};

/** The texts come from our catalogue. Backticks are their only markup. */
const toHtml = (text: string): string =>
  escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
