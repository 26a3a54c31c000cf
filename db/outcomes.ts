import { sql } from 'kysely';
import type { Db } from './client.ts';
import type { Outcome } from './schema.ts';

/** What became of one user of a deletion. */
export interface DeletionRecord {
  user_id: string;
  outcome: 'deleted' | Outcome;
  reason: string | null;
}

/** Where a deleted user stands: the batch, by its first row, and the place in it. */
export interface DeletedPlace {
  pass: number;
  attempt: number;
  part: number;
  cursor: number;
  index: number;
}

export const FIRST_PLACE: DeletedPlace = { pass: 0, attempt: 0, part: 0, cursor: 0, index: 0 };

/**
 * Deleted users after a place, in the order of the backup. Batches come in that order from the
 * inner query, so only those the page needs are unpacked.
 */
export const listDeletedAfter = async (
  db: Db,
  jobId: string,
  after: DeletedPlace,
  limit: number,
): Promise<(DeletedPlace & { user_id: string })[]> => {
  const batch = sql`(${after.pass}::int, ${after.attempt}::int, ${after.part}::int, ${after.cursor}::int`;
  const { rows } = await sql<DeletedPlace & { user_id: string }>`
    SELECT b.pass, b.attempt, b.part, b.cursor, gone.index, gone.user_id
      FROM (SELECT e.pass, d.attempt, d.part, d.cursor, d.deleted_ids
              FROM exports e
              JOIN deletion_batches d ON d.export_id = e.id
             WHERE e.job_id = ${jobId}
               AND (e.pass, d.attempt, d.part, d.cursor) >= ${batch})
             ORDER BY e.pass, d.attempt, d.part, d.cursor OFFSET 0) b
     CROSS JOIN LATERAL unnest(b.deleted_ids) WITH ORDINALITY AS gone (user_id, index)
     WHERE (b.pass, b.attempt, b.part, b.cursor, gone.index) > ${batch}, ${after.index}::bigint)
     ORDER BY b.pass, b.attempt, b.part, b.cursor, gone.index
     LIMIT ${limit}
  `.execute(db);
  return rows;
};

/** Users of a deletion who were not plainly deleted, by id; the first `skip` left out. */
export const listOutcomes = (
  db: Db,
  jobId: string,
  { outcome, skip, limit }: { outcome?: Outcome | undefined; skip: number; limit: number },
) =>
  db
    .selectFrom('outcomes')
    .select(['user_id', 'outcome', 'reason'])
    .where('job_id', '=', jobId)
    .$if(outcome !== undefined, (query) => query.where('outcome', '=', outcome ?? 'failed'))
    .orderBy('user_id')
    .offset(skip)
    .limit(limit)
    .execute();

const UUID = /^[0-9a-f-]{36}$/i;

/** The COPY statement of a deletion's log: one line a user, the deleted first. COPY takes no parameters. */
export const logCopyStatement = (jobId: string): string => {
  if (!UUID.test(jobId)) throw new Error('a job id is a UUID');
  return `COPY (
    SELECT user_id AS "userId", outcome, reason FROM (
      SELECT 0 AS kind, e.pass, d.attempt, d.part, d.cursor, gone.index, gone.user_id, 'deleted' AS outcome,
             NULL AS reason
        FROM exports e
        JOIN deletion_batches d ON d.export_id = e.id
       CROSS JOIN LATERAL unnest(d.deleted_ids) WITH ORDINALITY AS gone (user_id, index)
       WHERE e.job_id = '${jobId}'
      UNION ALL
      SELECT 1, 0, 0, 0, 0, 0, user_id, outcome, reason FROM outcomes WHERE job_id = '${jobId}'
    ) record ORDER BY kind, pass, attempt, part, cursor, index, user_id
  ) TO STDOUT (FORMAT csv, HEADER)`;
};
