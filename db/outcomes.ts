import { sql } from 'kysely';
import type { Db } from './client.ts';
import type { Outcome, Schema } from './schema.ts';

/** To whom a job did what was asked. */
export type DoneOutcome = Schema['done_batches']['outcome'];

/** What became of one user of a job. */
export interface UserRecord {
  user_id: string;
  outcome: DoneOutcome | Outcome;
  reason: string | null;
}

/** Where a user stands to whom it was done: the batch, by its first row, and the place in it. */
export interface DonePlace {
  pass: number;
  attempt: number;
  part: number;
  cursor: number;
  index: number;
}

export const FIRST_PLACE: DonePlace = { pass: 0, attempt: 0, part: 0, cursor: 0, index: 0 };

/**
 * Users deleted or restored after a place, in the order of the backup. Batches come in that order from the
 * inner query, so only those the page needs are unpacked.
 */
export const listDoneAfter = async (
  db: Db,
  jobId: string,
  after: DonePlace,
  limit: number,
): Promise<(DonePlace & { user_id: string })[]> => {
  const batch = sql`(${after.pass}::int, ${after.attempt}::int, ${after.part}::int, ${after.cursor}::int`;
  const { rows } = await sql<DonePlace & { user_id: string }>`
    SELECT b.pass, b.attempt, b.part, b.cursor, done.index, done.user_id
      FROM (SELECT pass, attempt, part, cursor, user_ids
              FROM done_batches
             WHERE job_id = ${jobId} AND (pass, attempt, part, cursor) >= ${batch})
             ORDER BY pass, attempt, part, cursor OFFSET 0) b
     CROSS JOIN LATERAL unnest(b.user_ids) WITH ORDINALITY AS done (user_id, index)
     WHERE (b.pass, b.attempt, b.part, b.cursor, done.index) > ${batch}, ${after.index}::bigint)
     ORDER BY b.pass, b.attempt, b.part, b.cursor, done.index
     LIMIT ${limit}
  `.execute(db);
  return rows;
};

/** Users of a job to whom it was not plainly done, by id; the first `skip` left out. */
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

/** How many users of a job came to each outcome. */
export const countOutcomes = async (
  db: Db,
  jobId: string,
): Promise<Partial<Record<Outcome, number>>> => {
  const rows = await db
    .selectFrom('outcomes')
    .select((eb) => ['outcome', eb.fn.countAll<number>().as('count')])
    .where('job_id', '=', jobId)
    .groupBy('outcome')
    .execute();
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]));
};

const UUID = /^[0-9a-f-]{36}$/i;

/** The COPY statement of a job's log: one line a user, those it was done to first. COPY takes no parameters. */
export const logCopyStatement = (jobId: string): string => {
  if (!UUID.test(jobId)) throw new Error('a job id is a UUID');
  return `COPY (
    SELECT user_id AS "userId", outcome, reason FROM (
      SELECT 0 AS kind, b.pass, b.attempt, b.part, b.cursor, done.index, done.user_id, b.outcome,
             NULL AS reason
        FROM done_batches b
       CROSS JOIN LATERAL unnest(b.user_ids) WITH ORDINALITY AS done (user_id, index)
       WHERE b.job_id = '${jobId}'
      UNION ALL
      SELECT 1, 0, 0, 0, 0, 0, user_id, outcome, reason FROM outcomes WHERE job_id = '${jobId}'
    ) record ORDER BY kind, pass, attempt, part, cursor, index, user_id
  ) TO STDOUT (FORMAT csv, HEADER)`;
};
