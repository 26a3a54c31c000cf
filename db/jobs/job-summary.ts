import type { DeletionCounts, JobEnd } from '../../workflows/contract.ts';
import type { Db } from '../client.ts';
import { listExportsOfJob } from '../exports/exports.ts';
import { countOutcomes } from './outcomes.ts';

/** `selected` is null while it is not known; then the others cannot be added up. */
export type SummedCounts = Omit<DeletionCounts, 'selected'> & { selected: number | null };

export type JobExport = Awaited<ReturnType<typeof listExportsOfJob>>[number];

export interface JobSummary {
  counts: SummedCounts;
  /** By pass; those of a deletion are its backups. */
  exports: JobExport[];
}

/** Of every attempt: who was deleted by one that was given up later is gone all the same. */
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
 * What the rows say of a job, whatever its state: who went, who did not, and its files. Of one
 * whose users are erased, what was stored when it ended.
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

/** How many users have come to something. */
export const sumOf = (counts: SummedCounts): number =>
  counts.deleted +
  counts.changedSinceBackup +
  counts.notFound +
  counts.held +
  counts.failed +
  counts.unprocessed;

/**
 * A deletion that says it is done has failed if its sums do not close, or if its users were named
 * and all of them are under hold.
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
 * Whom a job that broke off did not reach and could not name: they are what is missing in the sum.
 */
export const withUnreached = (counts: SummedCounts, end: JobEnd): SummedCounts => {
  if (end.kind === 'completed' || counts.selected === null) return counts;
  const missing = counts.selected - sumOf(counts);
  return { ...counts, unprocessed: counts.unprocessed + Math.max(missing, 0) };
};
