import type { components } from '../api/schema.d.ts';

/** A job as the API answers it. */
export type Job = components['schemas']['Job'];

export type JobType = Job['type'];
export type JobState = Job['state'];
export type Phase = NonNullable<Job['phase']>;

/** A phase of a job as it ran: the same phase comes again in each pass of a deletion. */
export type PhaseRun = Job['phases'][number];

/** Whether a job has not ended. */
export const isActive = ({ finishedAt }: Pick<Job, 'finishedAt'>): boolean => finishedAt === null;

/** Whether a stop would leave users as they are. While the mail is sent, all of them are done. */
export const isStoppable = ({ finishedAt, phase }: Pick<Job, 'finishedAt' | 'phase'>): boolean =>
  isActive({ finishedAt }) && phase !== 'notifying';

/** All users or lines of a job; null while nobody has counted them. */
export const sizeOf = ({ counts, selection, phases, progress }: Job): number | null => {
  const ended = totalOf(counts);
  if (ended !== null) return ended;
  if (typeof selection['count'] === 'number') return selection['count'];
  // Later passes are about a part of the users only.
  const totals = [
    ...phases.filter(({ pass }) => pass === 1).map(({ total }) => total),
    (progress.pass ?? 1) === 1 ? progress.total : null,
  ].filter((total) => total !== null);
  return totals.length === 0 ? null : Math.max(...totals);
};

/**
 * The users that a running deletion has deleted so far. A pass hands those that it left to the
 * next one.
 */
export const deletedSoFar = ({ phase, phases, progress }: Job): number => {
  const done = phases.filter((run) => run.phase === 'deleting' && run.finishedAt !== null);
  const left = phases.filter((run) => run.phase === 'backingUp' && run.pass > 1);
  const before = sumOf(done.map(({ processed }) => processed));
  const present = phase === 'deleting' ? progress.processed : 0;
  return before + present - sumOf(left.map(({ total }) => total ?? 0));
};

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

const totalOf = (counts: Job['counts']): number | null => {
  if (counts === null) return null;
  return 'lines' in counts ? counts.lines : counts.selected;
};
