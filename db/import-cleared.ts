import { sql } from 'kysely';
import type { PoolClient } from 'pg';
import { SYSTEM_FIELDS } from '../selection/fields.ts';
import type { Db } from './client.ts';
import type { Cleared } from './import-merge.ts';

/** Columns that are told of at most, those with the most values first. */
const MAX_TOLD = 100;

const FIELD_NAMES: ReadonlyMap<string, string> = new Map(
  SYSTEM_FIELDS.map(({ column, name }) => [column, name]),
);

/** How many values of a field, as the API calls it, an import has made unknown. */
export interface ClearedField {
  column: string;
  count: number;
}

/** Adds what a chunk has cleared; in its transaction, and only if the chunk counts. */
export const addCleared = async (
  client: Pick<PoolClient, 'query'>,
  jobId: string,
  cleared: Cleared,
): Promise<void> => {
  const counted = Object.entries(cleared).filter(([, count]) => count > 0);
  if (counted.length === 0) return;
  await client.query(
    `INSERT INTO import_cleared AS sums (job_id, field, count)
     SELECT $1, * FROM unnest($2::text[], $3::int[])
     ON CONFLICT (job_id, field) DO UPDATE SET count = sums.count + excluded.count`,
    [
      jobId,
      counted.map(([column]) => FIELD_NAMES.get(column) ?? column),
      counted.map(([, count]) => count),
    ],
  );
};

/** What each of some imports has cleared so far, the most first. */
export const listCleared = async (
  db: Db,
  jobIds: readonly string[],
): Promise<Map<string, ClearedField[]>> => {
  if (jobIds.length === 0) return new Map();
  const { rows } = await sql<ClearedField & { jobId: string }>`
    SELECT job_id AS "jobId", field AS column, count FROM (
      SELECT *, row_number() OVER (PARTITION BY job_id ORDER BY count DESC, field) AS place
        FROM import_cleared WHERE job_id = ANY (${jobIds}::uuid[])) AS ranked
     WHERE place <= ${MAX_TOLD} ORDER BY job_id, place`.execute(db);
  const byJob = new Map<string, ClearedField[]>();
  for (const { jobId, ...field } of rows) {
    const fields = byJob.get(jobId) ?? [];
    fields.push(field);
    byJob.set(jobId, fields);
  }
  return byJob;
};
