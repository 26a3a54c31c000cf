import type { JobType } from '../workflows/contracts/jobs.ts';

/** Outcomes of users that a deletion or restore has left, and that a retry may process. */
export const LEFT_USERS = ['failed', 'changedSinceBackup', 'unprocessed'] as const;

/** A deletion is not to delete held users, but an import is to write each line. */
const LEFT_LINES = ['held', 'failed', 'unprocessed'] as const;

type Counts = Readonly<Partial<Record<string, number | null>>>;

/** The users or lines that a job did not process as requested. An export leaves none. */
export const countLeft = (type: JobType, counts: Counts): number =>
  (type === 'import' ? LEFT_LINES : LEFT_USERS).reduce((sum, name) => sum + (counts[name] ?? 0), 0);
