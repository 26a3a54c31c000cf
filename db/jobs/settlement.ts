import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Db } from '../client.ts';
import { lockJob } from './lock-job.ts';
import { UNMATCHED } from './outcomes.ts';
import { partitionOf } from '../workspaces.ts';

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
  /**
   * Who was not there in this one is a stranger to the job; undefined where nothing was backed up.
   */
  knownIn: string | undefined;
  /** This pass's backup, its snapshot, and what else its attempt knows to have ended by then. */
  exportId: string | undefined;
  snapshot: string | undefined;
  endedXids: string | undefined;
  /** Whether the pass went through its whole backup; if not, an untouched user is not at fault. */
  isComplete: boolean;
}

/** Who a pass tried to delete and could not, and why. */
const failuresOf = (exportId: string | undefined) =>
  sql`SELECT f.user_id, f.reason FROM deletion_batches b
    CROSS JOIN LATERAL unnest(b.failed_ids, b.reasons) AS f (user_id, reason)
    WHERE b.export_id = ${exportId ?? null}::uuid`;

/**
 * Moments of this server come after it has begun no transaction yet: such a stamp was loaded from a
 * dump of another server, and no snapshot of this one can vouch for the row.
 */
const stampedElsewhere = sql<SqlBool>`greatest(users.written_in, users.inserted_in)
  >= pg_snapshot_xmax(pg_current_snapshot())`;

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
  const known = sql`pg_visible_in_snapshot(users.inserted_in, ${left.knownIn ?? null}::pg_snapshot)`;
  const unchanged = sql`is_unchanged_since(users.written_in, users.xmin,
    ${left.snapshot ?? null}::pg_snapshot, ${left.endedXids ?? '{}'}::xid[])`;
  const settled = sql`
    WITH leftover AS (
      (${left.source})
      EXCEPT SELECT user_id FROM outcomes WHERE job_id = ${left.jobId}::uuid
      EXCEPT SELECT user_id FROM job_targets
              WHERE job_id = ${left.jobId}::uuid AND pass = ${left.pass + 1}::int
    ), failure AS (${failuresOf(left.exportId)}), judged AS (
      SELECT leftover.user_id, coalesce(failure.reason,
          CASE WHEN ${stampedElsewhere} THEN 'stampedElsewhere' ELSE 'refused' END) AS reason, CASE
          WHEN users.user_id IS NULL THEN 'notFound'
          WHEN ${stampedElsewhere} THEN 'failed'
          WHEN NOT coalesce(${known}, true) THEN 'notFound'
          WHEN users.legal_hold THEN 'held'
          WHEN ${unchanged} AND failure.reason IS NOT NULL
           AND (failure.reason <> 'locked' OR ${left.mode !== 'again'}::boolean) THEN 'failed'
          WHEN ${left.mode === 'interrupted'}::boolean THEN 'unprocessed'
          WHEN NOT ${left.matches} THEN 'unmatched'
          WHEN ${unchanged} AND failure.reason IS NULL AND ${left.isComplete}::boolean THEN 'failed'
          WHEN ${left.mode === 'last'}::boolean THEN 'changedSinceBackup'
          ELSE 'again' END AS verdict
        FROM leftover
        LEFT JOIN failure ON failure.user_id = leftover.user_id
        LEFT JOIN ONLY ${partition} AS users
          ON users.workspace_id = ${left.workspaceId} AND users.user_id = leftover.user_id
    ), again AS (
      INSERT INTO job_targets (job_id, pass, user_id)
      SELECT ${left.jobId}::uuid, ${left.pass + 1}::int, user_id FROM judged WHERE verdict = 'again'
    )
    INSERT INTO outcomes (job_id, user_id, outcome, reason)
    SELECT ${left.jobId}::uuid, user_id,
           CASE verdict WHEN 'unmatched' THEN 'changedSinceBackup' ELSE verdict END,
           CASE verdict WHEN 'failed' THEN reason WHEN 'unmatched' THEN ${UNMATCHED} END
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
