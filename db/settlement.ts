import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Db } from './client.ts';
import { lockJob } from './lock-job.ts';
import { partitionOf } from './workspaces.ts';

/** What becomes of those a pass has left: looked at again, reported for good, or not reached. */
export type SettleMode = 'again' | 'last' | 'interrupted';

export interface Leftovers {
  jobId: string;
  workspaceId: string;
  pass: number;
  mode: SettleMode;
  /** Who was in the pass and is not deleted: a query of one column `user_id`. */
  source: RawBuilder<unknown>;
  /** The selection, over the alias `users`. */
  matches: RawBuilder<SqlBool>;
  /** Who was not there in this one is a stranger to the job; undefined where nothing was backed up. */
  knownIn: string | undefined;
  /** Of this pass's backup. */
  snapshot: string | undefined;
  /** Whether the pass went through its whole backup; if not, an untouched user is not at fault. */
  isComplete: boolean;
}

/** The users chosen for a pass who are in none of its committed batches. */
export const targetsLeft = (jobId: string, pass: number, exportId: string | undefined) => {
  const targets = sql`SELECT user_id FROM job_targets
    WHERE job_id = ${jobId}::uuid AND pass = ${pass}::int`;
  if (exportId === undefined) return targets;
  return sql`${targets} EXCEPT
    SELECT unnest(deleted_ids) FROM deletion_batches WHERE export_id = ${exportId}::uuid`;
};

/** Of a part's users, as its file lists them, those in none of its committed batches. */
export const partLeft = (userIds: string[], exportId: string, part: number) =>
  sql`SELECT user_id FROM unnest(${userIds}::text[]) AS user_id EXCEPT
    SELECT unnest(deleted_ids) FROM deletion_batches
     WHERE export_id = ${exportId}::uuid AND part = ${part}::int`;

/**
 * Gives every user left exactly one verdict. One who has a verdict keeps it, so a second run adds
 * nothing. Someone who was removed and added again is another user: the one selected is gone.
 */
export const settleLeftovers = async (db: Db, left: Leftovers): Promise<void> => {
  const partition = sql.id('public', partitionOf(left.workspaceId));
  const isLast = left.mode === 'last';
  const settled = sql`
    WITH leftover AS (
      (${left.source})
      EXCEPT SELECT user_id FROM outcomes WHERE job_id = ${left.jobId}::uuid
      EXCEPT SELECT user_id FROM job_targets
              WHERE job_id = ${left.jobId}::uuid AND pass = ${left.pass + 1}::int
    ), judged AS (
      SELECT leftover.user_id, CASE
          WHEN users.user_id IS NULL
            OR NOT coalesce(pg_visible_in_snapshot(users.inserted_in, ${left.knownIn ?? null}::pg_snapshot), true)
            THEN 'notFound'
          WHEN users.legal_hold THEN 'held'
          WHEN ${left.mode === 'interrupted'}::boolean THEN 'unprocessed'
          WHEN NOT ${left.matches} THEN 'changedSinceBackup'
          WHEN ${left.isComplete}::boolean
           AND pg_visible_in_snapshot(users.written_in, ${left.snapshot ?? null}::pg_snapshot) THEN 'failed'
          WHEN ${isLast}::boolean THEN 'changedSinceBackup'
          ELSE 'again' END AS verdict
        FROM leftover LEFT JOIN ONLY ${partition} AS users
          ON users.workspace_id = ${left.workspaceId} AND users.user_id = leftover.user_id
    ), again AS (
      INSERT INTO job_targets (job_id, pass, user_id)
      SELECT ${left.jobId}::uuid, ${left.pass + 1}::int, user_id FROM judged WHERE verdict = 'again'
    )
    INSERT INTO outcomes (job_id, user_id, outcome, reason)
    SELECT ${left.jobId}::uuid, user_id, verdict,
           CASE verdict WHEN 'failed' THEN 'refused' END
      FROM judged WHERE verdict <> 'again'`;
  await db.transaction().execute(async (trx) => {
    // One at a time: an attempt that is still at it must not give a second verdict beside this one.
    await lockJob(trx, left.jobId);
    await settled.execute(trx);
  });
};

/** How many users a pass was given by the one before. */
export const countTargets = async (db: Db, jobId: string, pass: number): Promise<number> => {
  const { count } = await db
    .selectFrom('job_targets')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('job_id', '=', jobId)
    .where('pass', '=', pass)
    .executeTakeFirstOrThrow();
  return count;
};
