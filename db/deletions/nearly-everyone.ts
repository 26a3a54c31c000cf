import { sql } from 'kysely';
import { DatabaseError } from 'pg';
import { z } from 'zod';
import type { NearlyEveryone } from '../../rules/nearly-everyone.ts';
import type { Db, Trx } from '../client.ts';
import { STEP_LOCK_MS } from '../connections/timeouts.ts';

/**
 * Nearly all users of a workspace may only be deleted by an approved request. The database decides
 * (migration 0015); these functions ask it. A refusal is raised as an error.
 */

/** SQLSTATE of a refusal by the rule. */
const REFUSED = 'KS008';

const countsSchema: z.ZodType<NearlyEveryone> = z.object({
  taken: z.number(),
  selected: z.number(),
  there: z.number(),
  since: z.string().nullable(),
});

/** Counts of a workspace's users by their time of arrival, in buckets between timestamps. */
export interface Arrivals {
  /** An array literal of timestamps, in ascending order. */
  moments: string;
  /** Results of `width_bucket`; a bucket may occur several times. */
  buckets: number[];
  there: number[];
  /** Users among `there` that are selected, or that running deletions will delete. */
  going: number[];
}

/** The longest count of a workspace's users, in ms. */
const STATEMENT_TIMEOUT_MS = 5 * 60_000;

/** The counts of a refusal by the rule; undefined for any other error. */
export const nearlyEveryoneOf = (error: unknown): NearlyEveryone | undefined =>
  error instanceof DatabaseError && error.code === REFUSED
    ? parseCounts(error.detail ?? '')
    : undefined;

/**
 * Applies the rule to the users with these ids.
 *
 * @throws DatabaseError KS008 when they are nearly all users
 */
export const refuseDeletionOf = async (
  db: Db,
  workspaceId: string,
  ids: readonly string[],
): Promise<void> => {
  await sql`SELECT refuse_deletion_of(${workspaceId}, ${ids}::text[])`.execute(db);
};

/**
 * Applies the rule to the users in an attempt at a backup. The attempt's parts must be recorded.
 *
 * @throws DatabaseError KS008 when they are nearly all users
 */
export const refuseDeletionBy = async (
  db: Db,
  { exportId, attempt }: { exportId: string; attempt: number },
): Promise<void> => {
  await sql`SELECT refuse_deletion_by(${exportId}::uuid, ${attempt}::int)`.execute(db);
};

/**
 * Whether so many users may be deleted, whichever users they are. Counts only as many users as the
 * answer needs.
 */
export const leavesEnoughUsers = async (
  trx: Trx,
  workspaceId: string,
  selected: number,
): Promise<boolean> => {
  const { rows } = await sql<{ isEnough: boolean }>`
    SELECT leaves_enough_users(${workspaceId}, NULL, ${selected}::bigint) AS "isEnough"`.execute(
    trx,
  );
  return rows[0]?.isEnough ?? false;
};

/**
 * Applies the rule to users that were counted in this transaction.
 *
 * @throws DatabaseError KS008 when the users in `going` are nearly all users
 */
export const judgeDeletion = async (
  trx: Trx,
  workspaceId: string,
  { moments, buckets, there, going }: Arrivals,
): Promise<void> => {
  await sql`SELECT judge_deletion(${workspaceId}, ${moments}::timestamptz[], ${buckets}::int[],
    ${there}::bigint[], ${going}::bigint[])`.execute(trx);
};

/**
 * Admits the deletion by a backup, once. Its users can be deleted only after that. Deletions of one
 * workspace are admitted one after another, so each counts the earlier ones.
 *
 * @throws DatabaseError KS008 when nearly all users would be deleted; KS015 when the job's request
 *   is not running with this job
 */
export const admitDeletion = (db: Db, exportId: string): Promise<void> =>
  db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (trx) => {
      // Other admissions of the workspace hold the lock.
      await sql`SELECT set_config('lock_timeout', ${String(STEP_LOCK_MS)}, true),
        set_config('statement_timeout', ${String(STATEMENT_TIMEOUT_MS)}, true)`.execute(trx);
      await sql`SELECT admit_deletion(${exportId}::uuid)`.execute(trx);
    });

const parseCounts = (detail: string): NearlyEveryone | undefined => {
  try {
    return countsSchema.safeParse(JSON.parse(detail)).data;
  } catch {
    // A foreign trigger may raise any code, with any text.
    return undefined;
  }
};
