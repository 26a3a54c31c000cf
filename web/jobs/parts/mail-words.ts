import { isActive, type Job } from '../job.ts';

/** What is said of the mail about a job's end while there is none. */
export const noMailWordsOf = (
  job: Pick<Job, 'notify' | 'state' | 'startedAt' | 'finishedAt'>,
): string => {
  if (!job.notify) return 'None';
  if (isActive(job)) return 'At the end';
  if (job.startedAt !== null) return 'Not sent yet';
  return job.state === 'cancelled'
    ? 'None: the job was stopped before it began'
    : 'None: the job did not begin';
};
