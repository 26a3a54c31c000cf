/** What workflows, activities, API and worker agree on of mails: ids, words, times. */

import type { RequestNotice } from './contract.ts';

/** The one mail about a job. */
export const JOB_MAIL = 'finished';

/**
 * A mail that was asked for again, by what it is about; each round is a mail of its own to the
 * provider.
 */
export type MailInput =
  | { jobId: string; round: number }
  | { requestId: string; kind: RequestNotice; round: number };

export const MAIL_TYPE = 'SendMail';

/** The same round always has the same workflow id, so a second start finds the first. */
export const mailWorkflowIdOf = (input: MailInput): string =>
  'jobId' in input
    ? `mail/${input.jobId}/${JOB_MAIL}/${input.round}`
    : `mail/${input.requestId}/${input.kind}/${input.round}`;

/**
 * `accepted` by the provider; `waiting` to be tried, or tried again; `refused`, so that it is not
 * tried again; `givenUp`, since nobody took it in all its time.
 */
export const MAIL_STATES = ['accepted', 'waiting', 'refused', 'givenUp'] as const;
export type MailState = (typeof MAIL_STATES)[number];

/**
 * For so long the provider knows an idempotency key: within that time a mail is tried, and then
 * given up.
 */
export const MAIL_LASTS_HOURS = 24;
