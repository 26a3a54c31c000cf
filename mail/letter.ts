import { formatTimestamp } from '../files/format.ts';
import { escapeHtml } from '../rules/escape-html.ts';

/** A mail as it is sent to the provider. */
export interface Message {
  subject: string;
  html: string;
  text: string;
}

/** A link in a mail, and its expiry. */
export interface MailLink {
  url: string;
  expiresAt: Date;
}

/** The content of a mail. HTML and text are both rendered from it. */
export interface Letter {
  subject: string;
  heading: string;
  tone: 'good' | 'mixed' | 'bad';
  paragraphs: string[];
  tables: { title: string; rows: [label: string, value: string][] }[];
  actions: { label: string; url: string; note: string }[];
  /** Why the reader gets this mail. By default, because of a job that they started. */
  footer?: string;
}

const ACCENTS: Record<Letter['tone'], string> = {
  good: '#1a7f4b',
  mixed: '#9a6700',
  bad: '#b42318',
};

const FONT = "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const MONO = "ui-monospace,'SF Mono',Menlo,Consolas,monospace";
const JOB_FOOTER = 'Keepsake sent this mail because a job was started with your API key.';

type Action = Letter['actions'][number];

export const renderLetter = (letter: Letter): Message => ({
  subject: oneLine(letter.subject),
  html: renderHtml(letter),
  text: renderText(letter),
});

/** Links to the page of a job. */
export const lookAtJob = ({ url, expiresAt }: MailLink): Action => ({
  label: 'View the job',
  url,
  note: `The page shows state, counts and times, and no users. Works until ${formatTimestamp(expiresAt)}.`,
});

/** Links to the page where a log is downloaded. `what` describes a line of the log. */
export const downloadLog = ({ url, expiresAt }: MailLink, what: string): Action => ({
  label: 'Download the log',
  url,
  note:
    `${what}, as CSV. Works until ${formatTimestamp(expiresAt)}. ` +
    'Anyone with this link can download the log. Each download is logged.',
});

/** A subject must be one line: a second line would become a header of the mail. */
const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');

const renderHtml = (letter: Letter): string => {
  const paragraphs = letter.paragraphs
    .map((paragraph) => `<p style="margin:0 0 12px">${escapeHtml(paragraph)}</p>`)
    .join('');
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width,initial-scale=1">' +
    `<meta name="color-scheme" content="light"><title>${escapeHtml(letter.subject)}</title></head>` +
    `<body style="margin:0;padding:24px 12px;background:#f3f5f7;font:15px/1.5 ${FONT};color:#1f2328">` +
    '<table role="presentation" cellpadding="0" cellspacing="0" align="center" style="width:100%;' +
    'max-width:600px;margin:0 auto;background:#ffffff;border:1px solid #d8dee4;border-radius:8px;' +
    'border-collapse:separate;overflow:hidden"><tr><td style="height:4px;line-height:4px;' +
    `background:${ACCENTS[letter.tone]}">&nbsp;</td></tr><tr><td style="padding:28px 32px 32px">` +
    `<h1 style="margin:0 0 16px;font-size:20px;line-height:1.3">${escapeHtml(letter.heading)}</h1>` +
    paragraphs +
    letter.actions.map(renderAction).join('') +
    letter.tables.map(renderTable).join('') +
    '</td></tr></table><p style="max-width:600px;margin:16px auto 0;text-align:center;' +
    `font-size:12px;color:#57606a">${escapeHtml(letter.footer ?? JOB_FOOTER)}</p></body></html>`
  );
};

/** The first action is the main one and shown as a button; the others are plain links. */
const renderAction = (action: Letter['actions'][number], index: number): string => {
  const style =
    index === 0
      ? 'display:inline-block;padding:10px 20px;border-radius:6px;background:#0b57d0;' +
        'color:#ffffff;text-decoration:none;font-weight:600'
      : 'color:#0b57d0';
  return (
    `<p style="margin:20px 0 0"><a href="${escapeHtml(action.url)}" style="${style}">` +
    `${escapeHtml(action.label)}</a><br><span style="display:inline-block;margin-top:6px;` +
    `color:#57606a;font-size:13px">${escapeHtml(action.note)}</span></p>`
  );
};

const renderTable = ({ title, rows }: Letter['tables'][number]): string =>
  `<p style="margin:24px 0 4px;font-weight:600">${escapeHtml(title)}</p>` +
  '<table role="presentation" cellpadding="0" cellspacing="0" ' +
  'style="border-collapse:collapse;width:100%;border-top:1px solid #d8dee4">' +
  `${rows.map(renderRow).join('')}</table>`;

const renderRow = ([label, value]: [string, string]): string => {
  const style = isCode(value)
    ? `font-family:${MONO};font-size:12px;word-break:break-all`
    : 'font-variant-numeric:tabular-nums';
  return (
    `<tr><td style="width:1%;padding:6px 20px 6px 0;color:#57606a;vertical-align:top;white-space:nowrap">` +
    `${escapeHtml(label)}</td><td style="padding:6px 0;vertical-align:top;${style}">` +
    `${escapeHtml(value)}</td></tr>`
  );
};

/**
 * Checksums, ids and commands are long. A monospace font makes them comparable; they may wrap
 * anywhere.
 */
const isCode = (value: string): boolean => /^(?:[0-9a-f-]{32,}$|temporal |curl )/.test(value);

const renderText = (letter: Letter): string => {
  const actions = letter.actions.map(({ label, url, note }) => `${label}:\n${url}\n${note}`);
  const tables = letter.tables.map(({ title, rows }) =>
    [title, ...rows.map(([label, value]) => `  ${label}: ${value}`)].join('\n'),
  );
  const blocks = [
    letter.heading,
    ...letter.paragraphs,
    ...actions,
    ...tables,
    `-- \n${letter.footer ?? JOB_FOOTER}`,
  ];
  return `${blocks.join('\n\n')}\n`;
};
