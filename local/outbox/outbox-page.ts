import { formatTimestamp } from '../../files/format.ts';
import type { OutboxMail } from './outbox-mails.ts';

/**
 * Allows no scripts and no loading, in the page and in the mails: the document in a frame inherits
 * this policy. Inline styles are allowed because mails have no others.
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

/** A mail is always shown on white, as its recipients see it, in any theme. */
const STYLE = `
  :root { color-scheme: light dark; --ink: #1f2328; --soft: #57606a; --line: #d8dee4; --card: #fff; --back: #f3f5f7; --act: #0b57d0 }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e6e8eb; --soft: #9aa4af; --line: #3a4149; --card: #1b1f24; --back: #111418; --act: #8ab4f8 }
  }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 2rem 1rem; background: var(--back); color: var(--ink) }
  h1 { margin: 0; font-size: 1.5rem }
  details { border: 1px solid var(--line); border-radius: .5rem; margin: 0 0 .75rem; background: var(--card); overflow: hidden }
  summary { cursor: pointer; padding: .7rem 1rem; overflow-wrap: anywhere }
  summary:focus-visible { outline: 3px solid var(--act); outline-offset: -3px }
  summary span { color: var(--soft); margin-left: .5rem }
  iframe { display: block; box-sizing: border-box; width: 100%; height: min(44rem, 85vh); border: 0; border-top: 1px solid var(--line); background: #fff; color-scheme: light }
  pre { margin: 0; padding: 1rem; border-top: 1px solid var(--line); white-space: pre-wrap; overflow-wrap: anywhere }
  @media (max-width: 40rem) {
    body { padding: 1rem .5rem }
    summary span { display: block; margin: 0; font-size: .9rem }
  }
`;

/** A page with all mails. The newest is first and open. */
export const renderOutbox = (mails: OutboxMail[]): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Outbox</title>
<style>${STYLE}</style>
<h1>Outbox</h1>
<p>${mails.length === 0 ? 'No mails yet.' : 'These mails are stored here only and never sent.'}</p>
${mails
  .toReversed()
  .map((mail, index) => entry(mail, index === 0))
  .join('\n')}
</html>
`;

const entry = (mail: OutboxMail, isOpen: boolean): string => `
  <details${isOpen ? ' open' : ''}>
    <summary><strong>${escape(mail.subject)}</strong>
      <span>to ${escape(mail.to.join(', '))}</span>
      <span><time datetime="${escape(mail.receivedAt)}">${formatTimestamp(new Date(mail.receivedAt))}</time></span></summary>
    ${mail.html === null ? `<pre>${escape(mail.text ?? '')}</pre>` : frame(mail.html)}
  </details>`;

const escape = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char);

/** Links open a new tab, because the policy would block them inside the frame. */
const frame = (html: string): string =>
  `<iframe title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox" ` +
  `srcdoc="${escape(`<base target="_blank">${html}`)}"></iframe>`;
