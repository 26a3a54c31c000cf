import { createHmac, randomBytes } from 'node:crypto';

/** Secrets and signatures as specified by https://www.standardwebhooks.com. */

const PREFIX = 'whsec_';
/** The specification allows 24 to 64 bytes. */
const SECRET_BYTES = 32;

/** A new random secret, in the form that people see: `whsec_<base64>`. */
export const newSecret = (): string => PREFIX + randomBytes(SECRET_BYTES).toString('base64');

/** The signed parts of a request. */
export interface SignedMessage {
  id: string;
  /** The time of the request, in seconds since 1970. */
  timestamp: number;
  body: string;
}

/** The header `webhook-signature`: one signature for each secret, in their order. */
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
