import { isActive, type Job } from '../job.ts';

/** What is said of the mail about a job's end while there is none. */
export const noMailWordsOf = (job: Pick<Job, 'notify' | 'startedAt' | 'finishedAt'>): string => {
  if (!job.notify) return 'None';
  if (isActive(job)) return 'At the end';
  return job.startedAt === null ? 'None: the job was stopped before it began' : 'Not sent yet';
};
