import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../client.ts';
import type { Outcome, Schema } from '../schema.ts';

/** To whom a job did what was asked. */
export type DoneOutcome = Schema['done_batches']['outcome'];

/**
 * The reason of a user who was changed after the backup and no longer matches the selection: nobody
 * asks for the user to be deleted any more, so there is nothing to retry.
 */
export const UNMATCHED = 'noLongerMatches';

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
 * Users deleted or restored after a place, in the order of the backup. Batches come in that order
 * from the inner query, so only those the page needs are unpacked.
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

/** The query of a job's log, for `copyText`: one line a user, first the users it was done to. */
export const jobLog = (jobId: string): RawBuilder<unknown> => sql`
  SELECT user_id AS "userId", outcome, reason FROM (
    SELECT 0 AS kind, b.pass, b.attempt, b.part, b.cursor, done.index, done.user_id, b.outcome,
           NULL AS reason
      FROM done_batches b
     CROSS JOIN LATERAL unnest(b.user_ids) WITH ORDINALITY AS done (user_id, index)
     WHERE b.job_id = ${sql.lit(jobId)}::uuid
    UNION ALL
    SELECT 1, 0, 0, 0, 0, 0, user_id, outcome, reason FROM outcomes WHERE job_id = ${sql.lit(jobId)}::uuid
  ) record ORDER BY kind, pass, attempt, part, cursor, index, user_id`;
