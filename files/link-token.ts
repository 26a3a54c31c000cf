import { createHmac, timingSafeEqual } from 'node:crypto';

/** Separates these signatures from any other use of the same secret. */
const CONTEXT = 'keepsake download link v1\n';

const UUID_BYTES = 16;
const ID_LENGTH = 22;
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{65}$/;

/**
 * A link's token: its id and an HMAC-SHA256 of the id, 65 characters that are safe in a URL. The
 * same id and secret always give the same token. So the token is not stored, and a mail that is
 * sent again is identical.
 */
export const createLinkToken = (linkId: string, secret: string): string => {
  const id = Buffer.from(linkId.replaceAll('-', ''), 'hex');
  if (id.length !== UUID_BYTES) throw new Error('a link id is a UUID');
  const signature = createHmac('sha256', secret).update(CONTEXT).update(id).digest('base64url');
  return id.toString('base64url') + signature;
};

/**
 * The link id of a token. Undefined if the token is forged, truncated, or made with another secret.
 */
export const readLinkToken = (token: string, secret: string): string | undefined => {
  if (!TOKEN_PATTERN.test(token)) return undefined;
  const hex = Buffer.from(token.slice(0, ID_LENGTH), 'base64url').toString('hex');
  const linkId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const expected = createLinkToken(linkId, secret);
  // Compares whole tokens, because base64url has several spellings of some ids.
  return timingSafeEqual(Buffer.from(expected), Buffer.from(token)) ? linkId : undefined;
};
