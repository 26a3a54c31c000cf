import { sql } from 'kysely';
import type { Db } from './client.ts';

/** What activities need of a job, with the count its preview showed. */
export const findRunningJob = (db: Db, jobId: string) =>
  db
    .selectFrom('jobs')
    .leftJoin('previews', 'previews.id', 'jobs.preview_id')
    .selectAll('jobs')
    .select('previews.count as confirmed_count')
    .where('jobs.id', '=', jobId)
    .executeTakeFirst();

/** Takes a queued job into `running`, or a running one over for a new run after a reset. */
export const claimJob = async (db: Db, jobId: string, runId: string): Promise<void> => {
  await db
    .updateTable('jobs')
    .set({
      state: sql`CASE state WHEN 'queued' THEN 'running' ELSE state END`,
      run_id: runId,
      started_at: sql`coalesce(started_at, now())`,
    })
    .where('id', '=', jobId)
    .where('finished_at', 'is', null)
    .execute();
};

/**
 * Moves a running job to a phase. Waits for an open batch, whose lock on the job row this asks for;
 * once it answers, no batch of an earlier phase can commit any more.
 */
export const enterPhase = async (db: Db, jobId: string, phase: string): Promise<void> => {
  await db
    .updateTable('jobs')
    .set({ phase, phase_started_at: sql`now()` })
    .where('id', '=', jobId)
    .where('finished_at', 'is', null)
    .where('phase', 'is distinct from', phase)
    .execute();
};

/** How many users the job is about, once that is known. */
export const setJobTotal = async (db: Db, jobId: string, total: number): Promise<void> => {
  await db.updateTable('jobs').set({ total }).where('id', '=', jobId).execute();
};

/**
 * A snapshot as text, from the insert-only row that holds it. None when the row was not written by
 * the transaction it names: then it came from a copy, and its transaction ids mean nothing here.
 */
const trusted = sql<boolean>`xmin = recorded_in::xid`;

export const findPreviewSnapshot = async (db: Db, previewId: string) =>
  (
    await db
      .selectFrom('previews')
      .select('snapshot')
      .where('id', '=', previewId)
      .where(trusted)
      .executeTakeFirst()
  )?.snapshot;

/** The snapshot of a job's first backup. */
export const findFirstSnapshot = async (db: Db, jobId: string) =>
  (
    await db
      .selectFrom('exports')
      .innerJoin('export_attempts as a', (join) =>
        join.onRef('a.export_id', '=', 'exports.id').onRef('a.attempt', '=', 'exports.attempt'),
      )
      .select('a.snapshot')
      .where('exports.job_id', '=', jobId)
      .where('exports.pass', '=', 1)
      .where(sql<boolean>`a.xmin = a.recorded_in::xid`)
      .executeTakeFirst()
  )?.snapshot;
