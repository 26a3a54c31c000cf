import type { AttemptError } from '../webhooks/attempt-errors.ts';

/** The metrics of a running step. They hold counts and times, and no user's data. */
export interface Meter {
  /** Counts the users, or lines, that a step has processed. */
  rows: (step: 'written' | 'verified' | 'deleted' | 'imported', count: number) => void;
  /** Times a batch of deletes, and counts the deleted users. */
  batch: <Result extends { status: string; deleted?: number }>(
    batch: Promise<Result>,
  ) => Promise<Result>;
}

/** The kinds of mails: the end of a job, or the notices of a delete-all request. */
export const MAIL_KINDS = [
  'finished',
  'asked',
  'unanswered',
  'approved',
  'closing',
  'denied',
  'withdrawn',
  'lapsed',
  'expired',
  'revoked',
  'ended',
] as const;
export type MailKind = (typeof MAIL_KINDS)[number];

/** The results of an attempt at a mail. A waiting mail is tried again. */
export const MAIL_RESULTS = ['accepted', 'waiting', 'refused'] as const;

/** Counts an attempt at a mail by its result. */
export type MailMeter = (kind: MailKind, result: (typeof MAIL_RESULTS)[number]) => void;

/** The metrics of webhooks. */
export interface DeliveryMeter {
  /** Counts an attempt by its result. */
  attempt: (outcome: AttemptError | 'delivered') => void;
  /** Counts a delivery that has ended. */
  delivery: (outcome: 'delivered' | 'failed') => void;
}
