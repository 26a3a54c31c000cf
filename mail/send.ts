import type { ErrorResponse, Resend } from 'resend';
import type { Message } from './letter.ts';

/** The SDK sets none. */
export const SEND_DEADLINE_MS = 10_000;
/** A longer wait that the provider asks for is cut to this. */
const MAX_RETRY_AFTER_MS = 3_600_000;

export type Mailer = Pick<Resend, 'emails'>;

export interface Envelope {
  to: string;
  from: string;
  /** The provider accepts one mail a key for 24 hours, and only with the very same content. */
  idempotencyKey: string;
  deadlineMs?: number;
}

/**
 * What came of handing a mail to the provider. Reasons are its word and status, and quote nothing.
 */
export type Sent =
  /** Without an id where another request under the same key was accepted. */
  | { state: 'accepted'; providerId: string | null }
  | {
      state: 'waiting';
      reason: string;
      /** The provider asked to be left alone for so long, in milliseconds. */
      waitMs?: number;
      /** It takes no mail at the moment, whoever it is for. */
      isLimited: boolean;
    }
  | { state: 'refused'; reason: string };

type Headers = Record<string, string> | null;

/**
 * Resend knows the key, with another content: what was sent under it within the last 24 hours was
 * accepted, by an earlier try whose answer was lost.
 */
const ACCEPTED_BEFORE = 'invalid_idempotent_request';
/** Another try under the same key is under way. */
const UNDER_WAY = 'concurrent_idempotent_requests';

/** In a status of 400 to 499, what passes with time: too early, another try under way, too many. */
const isPassing = (statusCode: number, name: string): boolean =>
  statusCode === 408 ||
  statusCode === 425 ||
  statusCode === 429 ||
  name === UNDER_WAY ||
  // The SDK's word for an answer that is not Resend's: an HTML page of something in between.
  name === 'application_error';

const isFinal = ({ statusCode, name }: ErrorResponse): boolean => {
  if (typeof statusCode !== 'number') return name === 'validation_error';
  return statusCode >= 400 && statusCode < 500 && !isPassing(statusCode, name);
};

/** `Retry-After` in milliseconds, given in seconds or as a date. */
const retryAfterMs = (headers: Headers): number | undefined => {
  const value = headers?.['retry-after'];
  if (value === undefined) return undefined;
  const wait = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return wait > 0 ? Math.min(wait, MAX_RETRY_AFTER_MS) : undefined;
};

const waiting = (reason: string, headers: Headers, isLimited = false): Sent => {
  const waitMs = retryAfterMs(headers);
  return { state: 'waiting', reason, isLimited, ...(waitMs !== undefined && { waitMs }) };
};

/** A name that is one: an answer that is not the provider's may hold anything. */
const NAME = /^[a-z_]{1,64}$/;

const sentOf = (error: ErrorResponse, headers: Headers): Sent => {
  if (error.name === ACCEPTED_BEFORE) return { state: 'accepted', providerId: null };
  const name = NAME.test(error.name ?? '') ? error.name : 'unknown';
  const reason = `${name}, status ${error.statusCode ?? 'none'}`;
  if (isFinal(error)) return { state: 'refused', reason };
  return waiting(reason, headers, error.statusCode === 429);
};

/**
 * Hands a mail to the provider, once. Tried again under the same key, a mail that was accepted
 * before is not sent a second time.
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
      ? waiting(`no answer within ${deadlineMs} ms`, headers)
      : sentOf(error, headers);
  }
  // A proxy's answer: JSON with a good status, but not the provider's.
  return waiting('an answer without an id', headers);
};
