import type { SummedCounts } from '../../rules/job-sums.ts';
import type { Db } from '../client.ts';
import { listExportsOfJob } from '../exports/exports.ts';
import { countOutcomes } from './outcomes.ts';

export type JobExport = Awaited<ReturnType<typeof listExportsOfJob>>[number];

export interface JobSummary {
  counts: SummedCounts;
  /** By pass. Those of a deletion are its backups. */
  exports: JobExport[];
}

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
