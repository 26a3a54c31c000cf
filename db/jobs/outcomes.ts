import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../client.ts';
import type { Outcome, Schema } from '../schema.ts';

/** The outcome of a user that the job processed as requested. */
export type DoneOutcome = Schema['done_batches']['outcome'];

/**
 * The reason of a user that was changed after the backup and no longer matches the selection. Such
 * a user is no longer to be deleted, so there is nothing to retry.
 */
export const UNMATCHED = 'noLongerMatches';

/** The outcome of one user of a job. */
export interface UserRecord {
  user_id: string;
  outcome: DoneOutcome | Outcome;
  reason: string | null;
}

/** The position of a processed user in the list: its batch, and its index in the batch, from 1. */
export interface DonePosition {
  pass: number;
  attempt: number;
  part: number;
  cursor: number;
  index: number;
}

export const FIRST_POSITION: DonePosition = { pass: 0, attempt: 0, part: 0, cursor: 0, index: 0 };

/**
 * Users deleted or restored after a position, in the order of the backup. The inner query returns
 * batches in that order, so only the arrays of the batches that the page needs are unnested.
 */
export const listDoneAfter = async (
  db: Db,
  jobId: string,
  after: DonePosition,
  limit: number,
): Promise<(DonePosition & { user_id: string })[]> => {
  const batch = sql`(${after.pass}::int, ${after.attempt}::int, ${after.part}::int, ${after.cursor}::int`;
  const { rows } = await sql<DonePosition & { user_id: string }>`
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

/**
 * Outcomes of a job's users that were not processed as requested, by user id, after the first
 * `skip`. An empty `reason` stands for no reason.
 */
export const listOutcomes = (
  db: Db,
  jobId: string,
  page: {
    outcome?: Outcome | undefined;
    reason?: string | undefined;
    skip: number;
    limit: number;
  },
) =>
  db
    .selectFrom('outcomes')
    .select(['user_id', 'outcome', 'reason'])
    .where('job_id', '=', jobId)
    .$if(page.outcome !== undefined, (query) =>
      query.where('outcome', '=', page.outcome ?? 'failed'),
    )
    .$if(page.reason !== undefined, (query) =>
      query.where('reason', 'is not distinct from', page.reason || null),
    )
    .orderBy('user_id')
    .offset(page.skip)
    .limit(page.limit)
    .execute();

/** Number of users of a job by outcome. */
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

/** The query of a job's log, for `copyText`: one line for each user, the processed users first. */
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
