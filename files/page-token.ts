import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Separates these signatures from those of download links, and from any other use of the secret.
 */
const CONTEXT = 'keepsake page link v1\n';

/** The purpose of a token. The number is the token's first byte, and must never change. */
const PURPOSES = { job: 1, log: 2, request: 3 } as const;
export type PagePurpose = keyof typeof PURPOSES;

/** A page that a mail links to. */
export interface PageLink {
  purpose: PagePurpose;
  /** The mail that contains the link; a UUID. */
  mailId: string;
  /** In whole seconds. */
  expiresAt: Date;
}

const UUID_BYTES = 16;
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{71}$/;
const FACTS_LENGTH = 28;

/**
 * A page's token: its purpose, the mail's id, its expiry and an HMAC-SHA256 of these, 71 characters
 * that are safe in a URL. The same link and secret always give the same token, so a mail that is
 * sent again is identical.
 */
export const createPageToken = (link: PageLink, secret: string): string => {
  const id = Buffer.from(link.mailId.replaceAll('-', ''), 'hex');
  if (id.length !== UUID_BYTES) throw new Error('a mail id is a UUID');
  const end = Buffer.alloc(4);
  end.writeUInt32BE(Math.floor(link.expiresAt.getTime() / 1_000));
  const facts = Buffer.concat([Buffer.of(PURPOSES[link.purpose]), id, end]);
  return facts.toString('base64url') + signatureOf(facts, secret);
};

/**
 * The link of a token. Undefined if the token is forged, truncated, or made with another secret.
 * Does not check the expiry: the database judges that.
 */
export const readPageToken = (token: string, secret: string): PageLink | undefined => {
  if (!TOKEN_PATTERN.test(token)) return undefined;
  const facts = Buffer.from(token.slice(0, FACTS_LENGTH), 'base64url');
  const expected = Buffer.from(signatureOf(facts, secret));
  if (!timingSafeEqual(expected, Buffer.from(token.slice(FACTS_LENGTH)))) return undefined;
  const purpose = (Object.keys(PURPOSES) as PagePurpose[]).find(
    (name) => PURPOSES[name] === facts[0],
  );
  if (purpose === undefined) return undefined;
  const hex = facts.subarray(1, 1 + UUID_BYTES).toString('hex');
  const mailId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { purpose, mailId, expiresAt: new Date(facts.readUInt32BE(1 + UUID_BYTES) * 1_000) };
};

const signatureOf = (facts: Buffer, secret: string): string =>
  createHmac('sha256', secret).update(CONTEXT).update(facts).digest('base64url');
