import { invisibleProblem } from './characters.ts';

/** The scheme, then the authority: user name, host and port. */
const FORM = /^https?:\/\/([^/?#\\]+)/i;
/**
 * `URL` silently treats a backslash as a slash. Quotes and angle brackets in a path or query are
 * accepted, because they occur in practice.
 */
const FOREIGN = /\\/;
/** A host as `URL` writes it: ASCII, and IPv4 addresses in full. */
const HOST = /^(?:\[[0-9a-f:.]+\]|[\w][\w-]*(?:\.[\w][\w-]*)*\.?)$/;
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

const RULE = 'must be a URL that begins with http:// or https:// and a host';

/** The problem of a text that must be a web address. */
export const webAddressProblem = (text: string): string | undefined =>
  invisibleProblem(text) ?? (isWebAddress(text) ? undefined : RULE);

/**
 * `URL` also accepts texts that are not web addresses: `http:a`, `http:///a`, `http://1`,
 * `https://https://a`.
 */
const isWebAddress = (text: string): boolean => {
  const authority = FORM.exec(text)?.[1];
  if (authority === undefined || FOREIGN.test(text)) return false;
  if (authority.startsWith('@') || authority.endsWith(':')) return false;
  const host = hostOf(text);
  if (host === undefined || !HOST.test(host)) return false;
  return !IPV4.test(host) || authority.includes(host);
};

/**
 * Uses the constructor, because `URL.canParse` of Node 20 rejects `https://é.com` after some
 * thousand calls.
 */
const hostOf = (text: string): string | undefined => {
  try {
    return new URL(text).hostname;
  } catch {
    return undefined;
  }
};
