import { formatMoment } from '../storage/file-facts.ts';
import type { OutboxMail } from './outbox-mails.ts';

/**
 * Nothing may run or load, in the page and in the mails: a frame's document inherits this.
 * Styles are inline because mails have no others.
 */
export const PAGE_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escape = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char);

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
  details { border: 1px solid #ccc; border-radius: 6px; margin: 0 0 .75rem; padding: .6rem .9rem }
  summary { cursor: pointer }
  summary span { color: #555; margin-left: .5rem }
  iframe { width: 100%; height: 44rem; border: 0; border-top: 1px solid #ddd; margin-top: .6rem; background: #fff }
  pre { white-space: pre-wrap; overflow-wrap: anywhere }
`;

/** Links open a tab of their own: in the frame, the policy would stop them. */
const frame = (html: string): string =>
  `<iframe title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox" ` +
  `srcdoc="${escape(`<base target="_blank">${html}`)}"></iframe>`;

const entry = (mail: OutboxMail, isOpen: boolean): string => `
  <details${isOpen ? ' open' : ''}>
    <summary><strong>${escape(mail.subject)}</strong>
      <span>to ${escape(mail.to.join(', '))}</span>
      <span><time datetime="${escape(mail.receivedAt)}">${formatMoment(new Date(mail.receivedAt))}</time></span></summary>
    ${mail.html === null ? `<pre>${escape(mail.text ?? '')}</pre>` : frame(mail.html)}
  </details>`;

/** All mails, the newest first and open. */
export const renderOutbox = (mails: OutboxMail[]): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Outbox</title>
<style>${STYLE}</style>
<h1>Outbox</h1>
<p>${mails.length === 0 ? 'No mails yet.' : 'These mails stay here; none is sent.'}</p>
${mails
  .toReversed()
  .map((mail, index) => entry(mail, index === 0))
  .join('\n')}
</html>
`;
