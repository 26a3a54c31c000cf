import { createHash } from 'node:crypto';

/**
 * The style of all pages, light and dark; api/openapi/docs/docs.css has the same colours.
 */
export const PAGE_STYLE =
  ':root{color-scheme:light dark;--ink:#1f2328;--soft:#57606a;--line:#d8dee4;--card:#fff;--back:#f3f5f7;' +
  '--act:#0b57d0;--on:#fff}@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa4af;' +
  '--line:#3a4149;--card:#1b1f24;--back:#111418;--act:#8ab4f8;--on:#0b1a33}}' +
  'body{margin:0;padding:3rem 1rem;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}' +
  'main{max-width:36rem;margin:auto;padding:2rem;background:var(--card);border:1px solid var(--line);' +
  'border-radius:.5rem}h1{margin:0 0 1rem;font-size:1.35rem;line-height:1.3}' +
  'a:focus-visible{outline:3px solid var(--ink);outline-offset:2px}';

/**
 * The policy of a page with one inline style: no scripts, no loads, no forms, no frames.
 */
export const pageCsp = (style: string): string =>
  `default-src 'none'; style-src 'sha256-${createHash('sha256')
    .update(style)
    .digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
