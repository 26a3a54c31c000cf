import { createHash } from 'node:crypto';

/** Text as it may stand in a page, also within quotes. */
export const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** For a page of one inline style: it runs no script, loads nothing, posts nowhere, is shown in no frame. */
export const pageCsp = (style: string): string =>
  `default-src 'none'; style-src 'sha256-${createHash('sha256')
    .update(style)
    .digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
