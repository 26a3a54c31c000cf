import { formatBytes, formatCount, formatKind, formatTimestamp } from '../../files/format.ts';
import { escapeHtml } from '../../rules/escape-html.ts';
import { PAGE_STYLE, pageCsp } from '../http/html-page.ts';
import type { OpenFile } from './send-export.ts';

const STYLE =
  PAGE_STYLE +
  'a{display:inline-block;margin:.5rem 0 1.5rem;padding:.65rem 1.4rem;border-radius:.4rem;' +
  'background:var(--act);color:var(--on);font-weight:600;text-decoration:none}' +
  'dl{display:grid;grid-template-columns:fit-content(60%) 1fr;gap:.5rem 1.25rem;margin:0;padding-top:1.25rem;' +
  'border-top:1px solid var(--line)}dt{color:var(--soft);overflow-wrap:anywhere}' +
  'dd{margin:0;overflow-wrap:anywhere}' +
  'h2{margin:1.75rem 0 .5rem;font-size:1.05rem}' +
  'pre{margin:.25rem 0 1rem;padding:.75rem;background:var(--back);border:1px solid var(--line);' +
  'border-radius:.4rem;white-space:pre-wrap;overflow-wrap:anywhere}' +
  'code{font-size:.85em}small{display:block;margin-top:1.5rem;color:var(--soft)}';

export const LINK_PAGE_CSP = pageCsp(STYLE);

/** A page in this style. `content` is HTML; text from people must already be escaped. */
export const pageOf = (title: string, content: string): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
${content}</main></body>
</html>
`;

const AS_STORED =
  'The file has every value as stored: a spreadsheet may run text in it as formulas. To use ' +
  'these users in a spreadsheet, restore them, then export them.';

export interface LinkPage {
  token: string;
  workspaceName: string;
  file: OpenFile;
  linkExpiresAt: Date;
}

/** The page of a link. Opening it does not use up the link, so mail scanners may open it. */
export const renderLinkPage = ({ token, workspaceName, file, linkExpiresAt }: LinkPage): string => {
  const isBackup = file.purpose === 'backup';
  const title = `${isBackup ? 'Backup' : 'Export'} of users of ${workspaceName}`;
  const kind = isBackup ? 'Backup of a deletion' : 'Export';
  const warning = isBackup ? `<p>${AS_STORED}</p>\n` : '';
  return pageOf(
    title,
    `<p>This file holds personal data. Save it where only authorised people can read it.</p>
${warning}<p><a href="${token}/file" download rel="nofollow">Download ${formatBytes(file.bytes)}</a></p>
<dl>
<dt>Kind</dt><dd>${kind} (${formatKind(file)})</dd>
<dt>Workspace</dt><dd>${escapeHtml(workspaceName)}</dd>
<dt>Users</dt><dd>${formatCount(file.rows)}</dd>
<dt>Size</dt><dd>${formatCount(file.bytes)} bytes</dd>
<dt>SHA-256</dt><dd><code>${file.sha256}</code></dd>
<dt>Link works until</dt><dd>${formatTimestamp(linkExpiresAt)}</dd>
<dt>File kept until</dt><dd>${formatTimestamp(file.expires_at)}</dd>
</dl>
<small>Each download is logged.</small>
`,
  );
};

/** An unknown or ended link. */
export const renderNoLinkPage = (title: string, advice: string): string =>
  pageOf(title, `<p>${escapeHtml(advice)}</p>\n`);
