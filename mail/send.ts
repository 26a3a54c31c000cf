import type { ErrorResponse, Resend } from 'resend';
import type { Message } from './letter.ts';

/** The SDK has no timeout of its own. */
export const SEND_DEADLINE_MS = 10_000;
/** Upper limit of the wait that the provider may ask for. */
const MAX_RETRY_AFTER_MS = 3_600_000;

export type Mailer = Pick<Resend, 'emails'>;

export interface Envelope {
  to: string;
  from: string;
  /** The provider accepts one mail per key for 24 hours, and only with the same content. */
  idempotencyKey: string;
  deadlineMs?: number;
}

/**
 * The result of sending a mail to the provider. A reason is the provider's error name and status,
 * and quotes nothing else.
 */
export type Sent =
  /** The id is null if an earlier request with the same key was accepted. */
  | { state: 'accepted'; providerId: string | null }
  | {
      state: 'waiting';
      reason: string;
      /** Wait that the provider asks for, in milliseconds. */
      waitMs?: number;
      /** The provider accepts no mail at present, for any recipient. */
      isLimited: boolean;
    }
  | { state: 'refused'; reason: string };

type Headers = Record<string, string> | null;

/**
 * Resend knows the key with other content: an earlier try within 24 hours was accepted, and its
 * response was lost.
 */
const ACCEPTED_BEFORE = 'invalid_idempotent_request';
/** Another try with the same key is in progress. */
const UNDER_WAY = 'concurrent_idempotent_requests';

/** A valid error name. A response of something other than the provider may hold anything. */
const NAME = /^[a-z_]{1,64}$/;

/**
 * Sends a mail to the provider. A retry with the same key does not send an accepted mail a second
 * time.
 */
export const sendMail = async (
  { emails }: Mailer,
  message: Message,
  { to, from, idempotencyKey, deadlineMs = SEND_DEADLINE_MS }: Envelope,
): Promise<Sent> => {
  const payload = { from, to, ...message, headers: { 'Auto-Submitted': 'auto-generated' } };
  const signal = AbortSignal.timeout(deadlineMs);
  const { data, error, headers } = await emails.send(payload, { idempotencyKey, signal });
  if (typeof data?.id === 'string') return { state: 'accepted', providerId: data.id };
  if (error !== null) {
    return signal.aborted
      ? waiting(`no response within ${deadlineMs} ms`, headers)
      : sentOf(error, headers);
  }
  // The response of a proxy: JSON with a success status, but not from the provider.
  return waiting('a response without an id', headers);
};

const waiting = (reason: string, headers: Headers, isLimited = false): Sent => {
  const waitMs = retryAfterMs(headers);
  return { state: 'waiting', reason, isLimited, ...(waitMs !== undefined && { waitMs }) };
};

/** `Retry-After` in milliseconds, given in seconds or as a date. */
const retryAfterMs = (headers: Headers): number | undefined => {
  const value = headers?.['retry-after'];
  if (value === undefined) return undefined;
  const wait = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return wait > 0 ? Math.min(wait, MAX_RETRY_AFTER_MS) : undefined;
};

const sentOf = (error: ErrorResponse, headers: Headers): Sent => {
  if (error.name === ACCEPTED_BEFORE) return { state: 'accepted', providerId: null };
  const name = NAME.test(error.name ?? '') ? error.name : 'unknown';
  const reason = `${name}, status ${error.statusCode ?? 'none'}`;
  if (isFinal(error)) return { state: 'refused', reason };
  return waiting(reason, headers, error.statusCode === 429);
};

const isFinal = ({ statusCode, name }: ErrorResponse): boolean => {
  if (typeof statusCode !== 'number') return name === 'validation_error';
  return statusCode >= 400 && statusCode < 500 && !isPassing(statusCode, name);
};

/** Temporary errors with a status of 400 to 499: too early, too many, another try in progress. */
const isPassing = (statusCode: number, name: string): boolean =>
  statusCode === 408 ||
  statusCode === 425 ||
  statusCode === 429 ||
  name === UNDER_WAY ||
  // The SDK's name for a response that is not Resend's, such as the HTML page of a proxy.
  name === 'application_error';
