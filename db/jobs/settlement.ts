import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Db, Trx } from '../client.ts';
import { lockRecords } from './lock-records.ts';
import { UNMATCHED } from './outcomes.ts';
import { plainTableQuery } from '../users/users-table.ts';
import { partitionOf, usersTableOf } from '../workspaces.ts';

/**
 * What happens to the users that a pass has left. `again`: they may enter a further pass. `last`:
 * they get a final outcome. `interrupted`: the pass did not reach all of them.
 */
export type SettleMode = 'again' | 'last' | 'interrupted';

export interface RemainingUsers {
  jobId: string;
  workspaceId: string;
  pass: number;
  mode: SettleMode;
  /** Users of the pass that are not deleted: a query of one column `user_id`. */
  source: RawBuilder<unknown>;
  /** The selection, over the alias `users`. */
  matches: RawBuilder<SqlBool>;
  /**
   * The result of `findSelectionSnapshot`. A user that this snapshot does not contain is a
   * newcomer, not the selected user. Undefined if there is no such snapshot.
   */
  knownIn: string | undefined;
  /**
   * This pass's backup, its snapshot, and the subtransactions that its attempt knows to have ended.
   */
  exportId: string | undefined;
  snapshot: string | undefined;
  endedXids: string | undefined;
  /**
   * Whether the pass processed its whole backup. If not, a user without a failure has not failed.
   */
  isComplete: boolean;
}

/**
 * A stamp that is not older than this server's next transaction id was not written here: the row
 * came from a dump of another server. No snapshot of this server can vouch for such a row.
 */
const stampedElsewhere = sql<SqlBool>`greatest(users.written_in, users.inserted_in)
  >= pg_snapshot_xmax(pg_current_snapshot())`;

/** The users chosen for a pass that are in none of its committed batches. */
export const targetsLeft = (jobId: string, pass: number, exportId: string | undefined) => {
  const targets = sql`SELECT user_id FROM job_targets
    WHERE job_id = ${jobId}::uuid AND pass = ${pass}::int`;
  if (exportId === undefined) return targets;
  return sql`${targets} EXCEPT
    SELECT unnest(deleted_ids) FROM deletion_batches WHERE export_id = ${exportId}::uuid`;
};

/** The users of a part, as listed in its file, that are in none of its committed batches. */
export const partLeft = (userIds: string[], exportId: string, part: number) =>
  sql`SELECT user_id FROM unnest(${userIds}::text[]) AS user_id EXCEPT
    SELECT unnest(deleted_ids) FROM deletion_batches
     WHERE export_id = ${exportId}::uuid AND part = ${part}::int`;

/**
 * Gives each user left exactly one verdict. A user who has a verdict keeps it, so a second run
 * changes nothing. A user who was removed and added again is a newcomer; the selected user is
 * `notFound`.
 *
 * @returns false if the users are not in one plain table any more. It reads as empty, so nobody is
 *   looked up: the users of an interrupted pass are `unprocessed`, others get no verdict.
 */
export const settleRemaining = (db: Db, left: RemainingUsers): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    // Serialized, because a concurrent attempt must not add a second verdict.
    await lockRecords(trx, left.jobId);
    const isPlain = await lockPlain(trx, left.workspaceId);
    if (isPlain || left.mode === 'interrupted') await settledBy(left, isPlain).execute(trx);
    return isPlain;
  });

/** Number of users that the previous pass handed to this one. */
export const countTargets = async (db: Db, jobId: string, pass: number): Promise<number> => {
  const { count } = await db
    .selectFrom('job_targets')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('job_id', '=', jobId)
    .where('pass', '=', pass)
    .executeTakeFirstOrThrow();
  return count;
};

/** Locks the table until the end of the transaction. @returns whether it is one plain table */
const lockPlain = async (trx: Trx, workspaceId: string): Promise<boolean> => {
  const table = sql.raw(usersTableOf(workspaceId));
  await sql`LOCK TABLE ONLY ${table} IN ACCESS SHARE MODE`.execute(trx);
  const { rows } = await sql.raw(plainTableQuery(workspaceId)).execute(trx);
  return rows.length === 1;
};

const settledBy = (left: RemainingUsers, isPlain: boolean) => {
  const partition = sql.id('public', partitionOf(left.workspaceId));
  const known = sql`pg_visible_in_snapshot(users.inserted_in, ${left.knownIn ?? null}::pg_snapshot)`;
  const unchanged = sql`is_unchanged_since(users.written_in, users.xmin,
    ${left.snapshot ?? null}::pg_snapshot, ${left.endedXids ?? '{}'}::xid[])`;
  return sql`
    WITH leftover AS (
      (${left.source})
      EXCEPT SELECT user_id FROM outcomes WHERE job_id = ${left.jobId}::uuid
      EXCEPT SELECT user_id FROM job_targets
              WHERE job_id = ${left.jobId}::uuid AND pass = ${left.pass + 1}::int
    ), failure AS (${failuresOf(left.exportId)}), judged AS (
      SELECT leftover.user_id, coalesce(failure.reason,
          CASE WHEN ${stampedElsewhere} THEN 'stampedElsewhere' ELSE 'refused' END) AS reason, CASE
          WHEN NOT ${isPlain}::boolean THEN 'unprocessed'
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
          ON users.workspace_id = ${left.workspaceId}
         AND users.user_id COLLATE "C" = leftover.user_id
    ), again AS (
      INSERT INTO job_targets (job_id, pass, user_id)
      SELECT ${left.jobId}::uuid, ${left.pass + 1}::int, user_id FROM judged WHERE verdict = 'again'
    )
    INSERT INTO outcomes (job_id, user_id, outcome, reason)
    SELECT ${left.jobId}::uuid, user_id,
           CASE verdict WHEN 'unmatched' THEN 'changedSinceBackup' ELSE verdict END,
           CASE verdict WHEN 'failed' THEN reason WHEN 'unmatched' THEN ${UNMATCHED} END
      FROM judged WHERE verdict <> 'again'`;
};

/** Users that a pass failed to delete, and the reasons. */
const failuresOf = (exportId: string | undefined) =>
  sql`SELECT f.user_id, f.reason FROM deletion_batches b
    CROSS JOIN LATERAL unnest(b.failed_ids, b.reasons) AS f (user_id, reason)
    WHERE b.export_id = ${exportId ?? null}::uuid`;
