/** The contract between workflows, activities, API and worker for mails: ids, states and times. */

import type { RequestNotice } from './delete-all.ts';

/** The kind of the one mail about a job. */
export const JOB_MAIL = 'finished';

/** The type of the failure of a mail about a job whose end is not stored yet. */
export const JOB_NOT_ENDED = 'jobNotEnded';

/**
 * A mail that was asked for again, by its subject. For the mail provider each round is a new mail.
 */
export type MailInput =
  | { jobId: string; round: number }
  | { requestId: string; kind: RequestNotice; round: number };

export const MAIL_TYPE = 'SendMail';

/** A round always has the same workflow id, so a second start finds the first. */
export const mailWorkflowIdOf = (input: MailInput): string =>
  'jobId' in input
    ? `mail/${input.jobId}/${JOB_MAIL}/${input.round}`
    : `mail/${input.requestId}/${input.kind}/${input.round}`;

/**
 * `accepted` by the mail provider; `waiting` for its first or next attempt; `refused` for good;
 * `givenUp` because no attempt succeeded in time.
 */
export const MAIL_STATES = ['accepted', 'waiting', 'refused', 'givenUp'] as const;
export type MailState = (typeof MAIL_STATES)[number];

/** How long the mail provider remembers an idempotency key. After that time a mail is abandoned. */
export const MAIL_LASTS_HOURS = 24;
