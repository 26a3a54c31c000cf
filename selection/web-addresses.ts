import { invisibleProblem } from './characters.ts';

/** The scheme in full, and what stands for the host with its port and name of a user. */
const FORM = /^https?:\/\/([^/?#\\]+)/i;
/**
 * `URL` takes it for a slash, in silence. Quotes and angles in a path or query are taken: people
 * have them.
 */
const FOREIGN = /\\/;
/** As `URL` writes it: in ASCII, numbers of IPv4 in full. */
const HOST = /^(?:\[[0-9a-f:.]+\]|[\w][\w-]*(?:\.[\w][\w-]*)*\.?)$/;
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

const RULE = 'must be a URL that begins with http:// or https:// and a host';

/**
 * By trying: `URL.canParse` of Node 20 refuses `https://é.com` once it was called some thousand
 * times.
 */
const hostOf = (text: string): string | undefined => {
  try {
    return new URL(text).hostname;
  } catch {
    return undefined;
  }
};

/** `URL` reads more than is an address: `http:a`, `http:///a`, `http://1`, `https://https://a`. */
const isWebAddress = (text: string): boolean => {
  const authority = FORM.exec(text)?.[1];
  if (authority === undefined || FOREIGN.test(text)) return false;
  if (authority.startsWith('@') || authority.endsWith(':')) return false;
  const host = hostOf(text);
  if (host === undefined || !HOST.test(host)) return false;
  return !IPV4.test(host) || authority.includes(host);
};

/** What is wrong with an address of the web. */
export const webAddressProblem = (text: string): string | undefined =>
  invisibleProblem(text) ?? (isWebAddress(text) ? undefined : RULE);
