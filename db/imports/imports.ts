import { sql } from 'kysely';
import type { PoolClient } from 'pg';
import { type FailedLine, REFUSAL_CODES, storableLine } from '../../imports/log/failed-lines.ts';
import { type ImportSum, sumOfImport } from '../../rules/job-sums.ts';
import type { ImportCounts } from '../../workflows/contracts/jobs.ts';
import type { Db } from '../client.ts';
import type { Merged } from './import-merge.ts';

interface SummedRow extends Omit<ImportCounts, 'unprocessed'> {
  stored: ImportCounts | null;
  isErased: boolean;
  isRead: boolean;
  refused: number;
}

/**
 * The sums of an import. If its lines are erased, the counts stored at its end. A line that failed
 * its check counts as failed, whether its chunk was imported or not.
 *
 * @throws Error when there is no such job
 */
export const sumImport = async (db: Db, jobId: string): Promise<ImportSum> => {
  const { rows } = await sql<SummedRow>`
    SELECT j.counts AS stored, j.erased_at IS NOT NULL AS "isErased",
           j.total IS NOT NULL AS "isRead", coalesce(j.total, 0) AS lines,
           c.imported, c.merged, c.unchanged, c.skipped, f.held, f.failed, f.partial, f.refused
      FROM jobs j CROSS JOIN LATERAL (
        SELECT coalesce(sum(imported), 0) AS imported, coalesce(sum(merged), 0) AS merged,
               coalesce(sum(unchanged), 0) AS unchanged, coalesce(sum(skipped), 0) AS skipped
          FROM import_chunks WHERE job_id = j.id) c
     CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE code = 'held') AS held,
               count(*) FILTER (WHERE code = 'cellsSkipped') AS partial,
               count(*) FILTER (WHERE code NOT IN ('held', 'cellsSkipped')) AS failed,
               count(*) FILTER (WHERE code = ANY (${[...REFUSAL_CODES]}::text[])) AS refused
          FROM import_failures WHERE job_id = j.id) f
     WHERE j.id = ${jobId}`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error(`there is no job ${jobId}`);
  const { stored, isErased, isRead, refused, ...counts } = row;
  if (isErased && stored !== null) return { counts: stored, isRead, refused };
  const unprocessed = Math.max(counts.lines - sumOfImport(counts), 0);
  return { counts: { ...counts, unprocessed }, isRead, refused };
};

/** Records failed lines. Lines that were recorded before are not changed. */
export const insertFailures = async (
  client: Pick<PoolClient, 'query'>,
  jobId: string,
  failed: readonly FailedLine[],
): Promise<void> => {
  if (failed.length === 0) return;
  const lines = failed.map(storableLine);
  await client.query(
    `INSERT INTO import_failures (job_id, line, payload, code, message)
     SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING`,
    [
      jobId,
      lines.map(({ line }) => line),
      lines.map(({ payload }) => payload),
      lines.map(({ code }) => code),
      lines.map(({ message }) => message),
    ],
  );
};

/**
 * Stores the number of lines in a job's file. False if the job is not in phase `checking` any more.
 */
export const setLinesRead = async (db: Db, jobId: string, lines: number): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable('jobs')
    .set({ total: lines })
    .where('id', '=', jobId)
    .where('state', '=', 'running')
    .where('phase', '=', 'checking')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
};

/** Chunks that a job has finished. */
export const listDoneChunks = async (db: Db, jobId: string): Promise<Set<number>> => {
  const rows = await db
    .selectFrom('import_chunks')
    .select('chunk')
    .where('job_id', '=', jobId)
    .execute();
  return new Set(rows.map(({ chunk }) => chunk));
};

/**
 * Records a chunk. False if another attempt has recorded it; then this chunk's users must be rolled
 * back.
 */
export const insertChunk = async (
  client: PoolClient,
  chunk: { jobId: string; chunk: number; lines: number; failed: number; held: number } & Merged,
): Promise<boolean> => {
  const { rowCount } = await client.query(
    `INSERT INTO import_chunks (job_id, chunk, lines, imported, merged, unchanged, skipped, held, failed)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
    [
      chunk.jobId,
      chunk.chunk,
      chunk.lines,
      chunk.imported,
      chunk.merged,
      chunk.unchanged,
      chunk.skipped,
      chunk.held,
      chunk.failed,
    ],
  );
  return rowCount === 1;
};

/**
 * Whether the job still allows a chunk to commit. Cancel updates the job's row first, so it waits
 * for the lock that this query takes.
 */
export const mayImport = async (client: PoolClient, jobId: string): Promise<boolean> => {
  const { rowCount } = await client.query(
    `SELECT FROM jobs WHERE id = $1 AND type = 'import' AND state = 'running' AND phase = 'importing'
        FOR SHARE`,
    [jobId],
  );
  return rowCount === 1;
};
