import { createHmac, timingSafeEqual } from 'node:crypto';

/** Keeps these signatures apart from anything else that may be signed with the same secret. */
const CONTEXT = 'keepsake download link v1\n';

const UUID_BYTES = 16;
const ID_LENGTH = 22;
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{65}$/;

/**
 * A link's token: its id and an HMAC-SHA256 of it, 65 characters that are safe in a URL. The same
 * id and secret always give the same token, so it is stored nowhere and a mail sent again is
 * identical.
 */
export const createLinkToken = (linkId: string, secret: string): string => {
  const id = Buffer.from(linkId.replaceAll('-', ''), 'hex');
  if (id.length !== UUID_BYTES) throw new Error('a link id is a UUID');
  const signature = createHmac('sha256', secret).update(CONTEXT).update(id).digest('base64url');
  return id.toString('base64url') + signature;
};

/** The link id a token was made for; none when it is forged, cut or made with another secret. */
export const readLinkToken = (token: string, secret: string): string | undefined => {
  if (!TOKEN_PATTERN.test(token)) return undefined;
  const hex = Buffer.from(token.slice(0, ID_LENGTH), 'base64url').toString('hex');
  const linkId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const expected = createLinkToken(linkId, secret);
  // Compared whole: base64url spells some ids in more than one way.
  return timingSafeEqual(Buffer.from(expected), Buffer.from(token)) ? linkId : undefined;
};
