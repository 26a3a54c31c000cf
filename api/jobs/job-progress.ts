import type { JobProgressRow } from '../../db/jobs/job-progress.ts';
import type { JobRow } from '../../db/jobs/jobs.ts';
import type { JobJson } from './job-schema.ts';

type Progress = JobJson['progress'];
type Amount = Pick<Progress, 'total' | 'processed'>;

/** Rate and remaining time are null if they are not known; they are never guessed. */
export const progressOf = (job: JobRow, made: JobProgressRow | undefined): Progress => {
  const { total, processed } = amountOf(job, made);
  const pass = made?.pass ?? null;
  const unknown = { pass, total, processed, ratePerSecond: null, etaSeconds: null };
  const seconds = job.phase_seconds;
  const isMoving = job.finished_at === null && isCounted(job.phase) && processed > 0;
  if (!isMoving || seconds === null || seconds <= 0) return unknown;
  const rate = processed / seconds;
  const left = total === null ? null : Math.max(0, total - processed);
  return {
    ...unknown,
    ratePerSecond: Math.round(rate * 10) / 10,
    etaSeconds: left === null ? null : Math.ceil(left / rate),
  };
};

/** The number of users in the current phase and pass, and the number of processed users. */
const amountOf = (job: JobRow, made: JobProgressRow | undefined): Amount => {
  if (job.finished_at !== null) return amountOfEnded(job);
  if (job.type === 'restore') return { total: job.total, processed: made?.restored ?? 0 };
  if (job.type === 'import' && job.phase === 'checking') {
    // The number of lines is known once all lines are read. Until then, the job stores the number
    // of lines that were read.
    return { total: null, processed: job.total ?? 0 };
  }
  const rows = made?.rows ?? 0;
  switch (job.phase ?? '') {
    case 'importing':
      return { total: job.total, processed: made?.imported ?? 0 };
    case 'deleting':
      return { total: rows, processed: made?.cursor ?? 0 };
    case 'verifying':
    case 'verifyingBackup':
    case 'settling':
      return { total: rows, processed: rows };
    case 'notifying':
      return { total: job.total, processed: job.total ?? 0 };
    default:
      return { total: made?.targets ?? job.total, processed: rows };
  }
};

/** For an ended job: all its users, and the users with an outcome. */
const amountOfEnded = ({ counts, total }: JobRow): Amount => {
  if (counts === null) return { total, processed: 0 };
  const {
    lines = 0,
    selected = lines,
    unprocessed,
    exported = 0,
    notFound = 0,
  } = counts as Partial<Record<string, number>>;
  const processed = unprocessed === undefined ? exported + notFound : selected - unprocessed;
  return { total: selected, processed };
};

const isCounted = (phase: string | null): boolean =>
  ['exporting', 'checking', 'importing', 'backingUp', 'deleting', 'restoring'].includes(
    phase ?? '',
  );
