import { isIP } from 'node:net';
import { invisibleProblem } from '../selection/characters.ts';
import { isPublicAddress } from './addresses.ts';

/** The longest URL of a webhook, in characters. */
export const MAX_URL_LENGTH = 2_000;

const HTTPS_PORT = 443;
/**
 * Lower ports belong to known services. On higher ports a service either speaks TLS or cannot be
 * used.
 */
const FIRST_FREE_PORT = 1_024;

/** Names in private networks, or without an address. They would be refused when resolved. */
const OWN_NAMES = /(?:^|\.)(?:localhost|local|internal|lan|home\.arpa)$/;

/** The host as a plain address or name: IPv6 without brackets, a name without a final dot. */
export const hostOf = ({ hostname }: Pick<URL, 'hostname'>): string =>
  hostname.replace(/^\[|\]$|\.$/g, '');

/**
 * Parses the URL of a webhook, or returns what is wrong with it. It does not resolve names:
 * addresses are checked each time a request is sent. `allowPrivate` also allows http and private
 * networks.
 */
export const readWebhookUrl = (
  text: string,
  allowPrivate: boolean,
): { url: string } | { detail: string } => {
  if (text.length > MAX_URL_LENGTH)
    return { detail: `must have at most ${MAX_URL_LENGTH} characters` };
  // The URL parser would drop these characters silently, and the host might be another one than
  // shown.
  const invisible = invisibleProblem(text);
  if (invisible !== undefined) return { detail: invisible };
  if (!/^[a-z]+:\/\//i.test(text) || !URL.canParse(text)) {
    return { detail: 'must be a URL such as https://example.com/hooks' };
  }
  const url = new URL(text);
  const detail = refuse(url, text, allowPrivate);
  if (detail !== undefined) return { detail };
  return url.href.length > MAX_URL_LENGTH
    ? { detail: `must have at most ${MAX_URL_LENGTH} characters` }
    : { url: url.href };
};

const refuse = (url: URL, text: string, allowPrivate: boolean): string | undefined => {
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) {
    return 'must begin with https://';
  }
  if (url.username !== '' || url.password !== '') return 'must not have a user name or password';
  if (text.includes('#')) return 'must not have a fragment, which is never sent';
  if (url.port === '0') return 'must not have the port 0';
  return allowPrivate ? undefined : (refusePort(url) ?? refuseHost(url));
};

const refusePort = ({ port }: URL): string | undefined => {
  if (port === '' || Number(port) === HTTPS_PORT || Number(port) >= FIRST_FREE_PORT)
    return undefined;
  return `must have the port ${HTTPS_PORT}, or a port of at least ${FIRST_FREE_PORT}`;
};

const refuseHost = (url: URL): string | undefined => {
  const host = hostOf(url);
  if (isIP(host) !== 0) {
    return isPublicAddress(host) ? undefined : 'has an address that is not public';
  }
  if (!host.includes('.') || OWN_NAMES.test(host)) return 'has a host that is not public';
  return undefined;
};
