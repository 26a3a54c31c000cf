import type { DeletionCounts, JobEnd } from '../../workflows/contract.ts';
import type { Db } from '../client.ts';
import { listExportsOfJob } from '../exports/exports.ts';
import { countOutcomes } from './outcomes.ts';

/** `selected` is null while it is unknown; the sum cannot be checked then. */
export type SummedCounts = Omit<DeletionCounts, 'selected'> & { selected: number | null };

export type JobExport = Awaited<ReturnType<typeof listExportsOfJob>>[number];

export interface JobSummary {
  counts: SummedCounts;
  /** By pass. Those of a deletion are its backups. */
  exports: JobExport[];
}

/**
 * Counts every attempt: users deleted by an attempt stay deleted even if the attempt failed later.
 */
const sumDeleted = async (db: Db, jobId: string): Promise<number> => {
  const sum = await db
    .selectFrom('export_parts')
    .innerJoin('exports', 'exports.id', 'export_parts.export_id')
    .select((eb) => eb.fn.coalesce(eb.fn.sum<number>('deleted'), eb.lit(0)).as('deleted'))
    .where('exports.job_id', '=', jobId)
    .executeTakeFirstOrThrow();
  return sum.deleted;
};

/**
 * The counts and exports of a job in any state. For a job whose users are erased, the counts stored
 * at its end.
 */
export const jobSummary = async (db: Db, jobId: string): Promise<JobSummary> => {
  const job = await db
    .selectFrom('jobs')
    .select(['total', 'counts', 'erased_at'])
    .where('id', '=', jobId)
    .executeTakeFirstOrThrow();
  const files = await listExportsOfJob(db, jobId);
  if (job.erased_at !== null && job.counts !== null) {
    return { counts: job.counts as SummedCounts, exports: files };
  }
  const outcomes = await countOutcomes(db, jobId);
  const counts: SummedCounts = {
    selected: job.total,
    deleted: await sumDeleted(db, jobId),
    changedSinceBackup: outcomes.changedSinceBackup ?? 0,
    notFound: outcomes.notFound ?? 0,
    held: outcomes.held ?? 0,
    failed: outcomes.failed ?? 0,
    unprocessed: outcomes.unprocessed ?? 0,
  };
  return { counts, exports: files };
};

/** Number of users that have an outcome. */
export const sumOf = (counts: SummedCounts): number =>
  counts.deleted +
  counts.changedSinceBackup +
  counts.notFound +
  counts.held +
  counts.failed +
  counts.unprocessed;

/**
 * Changes the end of a completed deletion to failed if its sums do not close. The same applies if
 * the users were named and all that exist are under legal hold.
 */
export const closeSums = (
  counts: SummedCounts,
  end: JobEnd,
  selection: { type: string },
): JobEnd => {
  if (end.kind !== 'completed') return end;
  const { selected, held, notFound } = counts;
  const sum = sumOf(counts);
  if (selected !== sum) {
    const message = `${selected ?? 'unknown'} users were selected, ${sum} are accounted for.`;
    return { kind: 'failed', type: 'sumsDoNotClose', message };
  }
  const areNamed = selection.type === 'ids' || selection.type === 'list';
  if (!areNamed || held === 0 || held + notFound < sum) return end;
  const message =
    'Nobody was deleted: all who were chosen and are there are under legal hold. Once the platform team has cleared it, ' +
    'delete them again.';
  return { kind: 'failed', type: 'held', message };
};

/**
 * Changes the end of a completed export to failed if no file of it was verified. A file that has
 * expired since counts as verified.
 */
export const closeExport = (files: readonly JobExport[], end: JobEnd): JobEnd => {
  if (end.kind !== 'completed' || files.some((file) => file.verified_at !== null)) return end;
  const message = 'No file of this export was verified. Start the export again.';
  return { kind: 'failed', type: 'exportUnknown', message };
};

/**
 * Adds the users of an interrupted job that it neither reached nor can name: the difference to
 * `selected`.
 */
export const withUnreached = (counts: SummedCounts, end: JobEnd): SummedCounts => {
  if (end.kind === 'completed' || counts.selected === null) return counts;
  const missing = counts.selected - sumOf(counts);
  return { ...counts, unprocessed: counts.unprocessed + Math.max(missing, 0) };
};
