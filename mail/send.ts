import { ApplicationFailure } from '@temporalio/common';
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

type Headers = Record<string, string> | null;

/** In a status of 400 to 499, what passes with time: too early, another try under way, too many. */
const isPassing = (statusCode: number, name: string): boolean =>
  statusCode === 408 ||
  statusCode === 425 ||
  statusCode === 429 ||
  name === 'concurrent_idempotent_requests' ||
  // The SDK's word for an answer that is not Resend's: an HTML page of something in between.
  name === 'application_error';

const FINAL_NAMES: readonly string[] = ['validation_error', 'invalid_idempotent_request'];

const isFinal = ({ statusCode, name }: ErrorResponse): boolean => {
  if (typeof statusCode !== 'number') return FINAL_NAMES.includes(name);
  return statusCode >= 400 && statusCode < 500 && !isPassing(statusCode, name);
};

/** `Retry-After` in milliseconds, given in seconds or as a date. */
const retryAfterMs = (headers: Headers): number | undefined => {
  const value = headers?.['retry-after'];
  if (value === undefined) return undefined;
  const wait = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return wait > 0 ? Math.min(wait, MAX_RETRY_AFTER_MS) : undefined;
};

const unavailable = (why: string, headers: Headers): ApplicationFailure => {
  const nextRetryDelay = retryAfterMs(headers);
  return ApplicationFailure.create({
    type: 'MailUnavailable',
    message: `The mail provider did not take the mail (${why}). It is tried again.`,
    ...(nextRetryDelay !== undefined && { nextRetryDelay }),
  });
};

/** Names and status only: the provider's own words may quote the address. */
const failureOf = (error: ErrorResponse, headers: Headers): ApplicationFailure => {
  const why = `${error.name ?? 'unknown'}, status ${error.statusCode ?? 'none'}`;
  if (!isFinal(error)) return unavailable(why, headers);
  return ApplicationFailure.nonRetryable(
    `The mail provider refused the mail (${why}). Check RESEND_API_KEY, MAIL_FROM and the address ` +
      'of the key that started the job.',
    'MailRefused',
  );
};

/**
 * Hands a mail to the provider, once; answers with the provider's id of it. Tried again under the same
 * key, a mail that was accepted before is not sent a second time.
 *
 * @throws ApplicationFailure `MailUnavailable`, to be tried again, or `MailRefused`, final
 */
export const sendMail = async (
  { emails }: Mailer,
  message: Message,
  { to, from, idempotencyKey, deadlineMs = SEND_DEADLINE_MS }: Envelope,
): Promise<string> => {
  const payload = { from, to, ...message, headers: { 'Auto-Submitted': 'auto-generated' } };
  const signal = AbortSignal.timeout(deadlineMs);
  const { data, error, headers } = await emails.send(payload, { idempotencyKey, signal });
  if (typeof data?.id === 'string') return data.id;
  if (error !== null) {
    throw signal.aborted
      ? unavailable(`no answer within ${deadlineMs} ms`, headers)
      : failureOf(error, headers);
  }
  // A proxy's answer: JSON with a good status, but not the provider's.
  throw unavailable('its answer holds no id', headers);
};
