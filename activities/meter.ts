import type { AttemptError } from '../webhooks/attempt-errors.ts';

/** What a step tells of its work while it goes on. It holds counts and times, and nobody's data. */
export interface Meter {
  /** Users whose rows, or lines, a step has dealt with. */
  rows: (step: 'written' | 'verified' | 'deleted' | 'imported', count: number) => void;
  /** Times a batch of deletes, and counts who went with it. */
  batch: <Result extends { status: string; deleted?: number }>(
    batch: Promise<Result>,
  ) => Promise<Result>;
}

/** What a mail is about: the end of a job, or what a delete-all request has come to. */
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

/** What an attempt at a mail came to; one that waits is tried again. */
export const MAIL_RESULTS = ['accepted', 'waiting', 'refused'] as const;

/** Counts an attempt at a mail by what came of it. */
export type MailMeter = (kind: MailKind, result: (typeof MAIL_RESULTS)[number]) => void;

/** What is told of webhooks while they are sent. */
export interface DeliveryMeter {
  /** An attempt, by what came of it. */
  attempt: (outcome: AttemptError | 'delivered') => void;
  /** A delivery that has ended. */
  delivery: (outcome: 'delivered' | 'failed') => void;
}
