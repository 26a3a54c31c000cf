import type { JobProgressRow, PassFigures } from '../../db/jobs/job-progress.ts';
import type { JobRow } from '../../db/jobs/jobs.ts';
import type { Phase } from '../../workflows/contracts/jobs.ts';
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

/**
 * The phases of a job in their order. A phase ends as the next one begins, and the last one with
 * the job.
 */
export const phasesOf = (
  job: JobRow,
  made: JobProgressRow | undefined,
  figures: readonly PassFigures[],
): JobJson['phases'] =>
  job.phases.map(({ phase, pass, startedAt }, index) => {
    const next = job.phases[index + 1];
    const isCurrent = next === undefined && job.finished_at === null;
    const end = next === undefined ? job.finished_at : new Date(next.startedAt);
    const ofPass = figures.find((one) => one.pass === pass);
    return {
      phase,
      pass,
      startedAt: new Date(startedAt).toISOString(),
      finishedAt: end?.toISOString() ?? null,
      ...(isCurrent
        ? amountOf(job, made)
        : amountOfLeft(job, phase, { made, ofPass, next: next?.phase })),
    };
  });

/**
 * The users of a phase that the job has left. `total` is null if the phase was interrupted before
 * their number was known.
 */
const amountOfLeft = (
  job: JobRow,
  phase: Phase,
  {
    made,
    ofPass,
    next,
  }: {
    made: JobProgressRow | undefined;
    ofPass: PassFigures | undefined;
    next: string | undefined;
  },
): Amount => {
  const { total } = job;
  const written = ofPass?.written ?? 0;
  const all = { total, processed: total ?? 0 };
  const moved = (running = 0): Amount => ({
    total,
    processed: job.finished_at === null ? running : amountOfEnded(job).processed,
  });
  switch (phase) {
    case 'checking':
      return { total: next === 'importing' ? total : null, processed: total ?? 0 };
    case 'importing':
      return moved(made?.imported);
    case 'restoring':
      return moved(made?.restored);
    case 'exporting':
    case 'backingUp':
      return { total: next?.startsWith('verifying') === true ? written : null, processed: written };
    case 'deleting':
      return { total: written, processed: ofPass?.cursor ?? 0 };
    case 'verifyingBackup':
      if (job.type === 'restore') return next === 'restoring' ? all : { total, processed: 0 };
      return { total: written, processed: written };
    case 'verifying':
      return { total: written, processed: written };
    case 'settling':
      return ofPass === undefined ? all : { total: written, processed: written };
    case 'notifying':
      return all;
  }
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
