import { createHmac, randomBytes } from 'node:crypto';

/** Secrets and signatures as https://www.standardwebhooks.com has them. */

const PREFIX = 'whsec_';
/** Of the 24 to 64 bytes that the specification allows. */
const SECRET_BYTES = 32;

/** A new random secret, as its holder is shown it: `whsec_<base64>`. */
export const newSecret = (): string => PREFIX + randomBytes(SECRET_BYTES).toString('base64');

/** What one request to a receiver says of itself. */
export interface SignedMessage {
  id: string;
  /** Seconds since 1970, when the request is sent. */
  timestamp: number;
  body: string;
}

/** The header `webhook-signature`: a signature by each secret, in their order. */
export const signaturesOf = (
  secrets: readonly string[],
  { id, timestamp, body }: SignedMessage,
): string =>
  secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
      const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`);
      return `v1,${hmac.digest('base64')}`;
    })
    .join(' ');
