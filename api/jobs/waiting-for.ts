import type { Db } from '../../db/client.ts';
import { hasLivingWorker, WORKER_SILENCE_SECONDS } from '../../db/heartbeats.ts';
import type { JobRow } from '../../db/jobs/jobs.ts';
import type { JobWorkflows } from './job-workflows.ts';

/** Sources for the reason of a wait. */
export interface WaitDeps {
  db: Db;
  taskQueue: string;
  jobs: Pick<JobWorkflows, 'isReachable' | 'readPendingStep'>;
}

/** What an unfinished job is waiting for, as in the API. */
export interface WaitingFor {
  type: string;
  since: string;
  attempt: number;
}

/**
 * What a job waits for: its start, or a step that is retried. Undefined if nothing is known, or if
 * a source does not respond in time.
 */
export const findWait = async (
  job: JobRow,
  { db, taskQueue, jobs }: WaitDeps,
): Promise<WaitingFor | undefined> => {
  if (job.finished_at !== null) return undefined;
  const since = (job.phase_started_at ?? job.started_at ?? job.created_at).toISOString();
  if (job.state === 'queued') {
    const isServed = await hasLivingWorker(db, taskQueue, WORKER_SILENCE_SECONDS);
    if (!isServed) return { type: 'noWorker', since, attempt: 0 };
    return {
      type: (await jobs.isReachable()) ? 'start' : 'temporalUnavailable',
      since,
      attempt: 0,
    };
  }
  const step = await jobs.readPendingStep(job);
  return step && { ...step, since };
};

/** A pending mail that a job is waiting for; the job itself may have ended. */
export const waitOfMail = (
  mails: readonly { state: string; since: string; attempts: number }[],
): WaitingFor | undefined => {
  const mail = mails.find(({ state, attempts }) => state === 'waiting' && attempts > 0);
  return mail && { type: 'MailUnavailable', since: mail.since, attempt: mail.attempts + 1 };
};
