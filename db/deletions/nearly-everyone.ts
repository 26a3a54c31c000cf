import { sql } from 'kysely';
import { DatabaseError } from 'pg';
import { z } from 'zod';
import type { Db, Trx } from '../client.ts';

/**
 * Nearly everyone of a workspace is deleted only by an approved request. The rule is the database's
 * (migration 0015); these are the ways to ask it. What it refuses, it raises.
 */

/** SQLSTATE of what the rule raises. */
const REFUSED = 'KS008';

const countsSchema = z.object({
  taken: z.number(),
  selected: z.number(),
  there: z.number(),
  since: z.string().nullable(),
});

/**
 * What the rule found: of the users who were `there` at `since`, so many were `taken` by earlier
 * deletions, and so many are `selected`, those of deletions that run included. `since` is in UTC;
 * null means now.
 */
export type NearlyEveryone = z.infer<typeof countsSchema>;

const parseCounts = (detail: string): NearlyEveryone | undefined => {
  try {
    return countsSchema.safeParse(JSON.parse(detail)).data;
  } catch {
    // A trigger of others may raise any code, with any text.
    return undefined;
  }
};

/** The counts of a refusal by the rule; undefined for any other error. */
export const nearlyEveryoneOf = (error: unknown): NearlyEveryone | undefined =>
  error instanceof DatabaseError && error.code === REFUSED
    ? parseCounts(error.detail ?? '')
    : undefined;

const format = (count: number): string => count.toLocaleString('en');

/** The refusal in a sentence, for people. */
export const describeNearlyEveryone = ({
  taken,
  selected,
  there,
  since,
}: NearlyEveryone): string => {
  const [sum, all] = [format(taken + selected), format(there)];
  if (since === null) {
    const what =
      taken === 0 ? 'This selection contains' : 'This selection and the running deletions contain';
    return `${what} ${sum} of the ${all} users of the workspace.`;
  }
  return taken === 0
    ? `This selection contains ${sum} of the ${all} users that existed at ${since}.`
    : `This selection and the deletions since ${since} contain ${sum} of the ${all} users that existed ` +
        'at that time.';
};

/**
 * Asks for the users with these ids.
 *
 * @throws DatabaseError KS008 when they are nearly everyone
 */
export const refuseDeletionOf = async (
  db: Db,
  workspaceId: string,
  ids: readonly string[],
): Promise<void> => {
  await sql`SELECT refuse_deletion_of(${workspaceId}, ${ids}::text[])`.execute(db);
};

/**
 * Asks for the users that an attempt at a backup holds. Its parts must be written down.
 *
 * @throws DatabaseError KS008 when they are nearly everyone
 */
export const refuseDeletionBy = async (
  db: Db,
  { exportId, attempt }: { exportId: string; attempt: number },
): Promise<void> => {
  await sql`SELECT refuse_deletion_by(${exportId}::uuid, ${attempt}::int)`.execute(db);
};

/** Users of a workspace by their arrival: places among moments, and how many users each has. */
export interface Arrivals {
  /** An array literal of timestamps, in their order. */
  moments: string;
  /** By `width_bucket`, any number of times. */
  buckets: number[];
  there: number[];
  /** Of those who are there: selected, or about to be deleted by others. */
  going: number[];
}

/**
 * Whether so many users may be deleted whoever they are; counts no more users than it takes to be
 * sure.
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
 * Asks for what was counted in this transaction.
 *
 * @throws DatabaseError KS008 when those who go are nearly everyone
 */
export const judgeDeletion = async (
  trx: Trx,
  workspaceId: string,
  { moments, buckets, there, going }: Arrivals,
): Promise<void> => {
  await sql`SELECT judge_deletion(${workspaceId}, ${moments}::timestamptz[], ${buckets}::int[],
    ${there}::bigint[], ${going}::bigint[])`.execute(trx);
};

/** Longest wait for other admissions of the workspace, and longest count of its users, in ms. */
const LOCK_TIMEOUT_MS = 30_000;
const STATEMENT_TIMEOUT_MS = 5 * 60_000;

/**
 * Admits the deletion by a backup, once; only then may its users be deleted. Deletions of one
 * workspace are admitted one after the other, and each sees those before it.
 *
 * @throws DatabaseError KS008 when nearly everyone would be deleted
 */
export const admitDeletion = (db: Db, exportId: string): Promise<void> =>
  db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (trx) => {
      await sql`SELECT set_config('lock_timeout', ${String(LOCK_TIMEOUT_MS)}, true),
        set_config('statement_timeout', ${String(STATEMENT_TIMEOUT_MS)}, true)`.execute(trx);
      await sql`SELECT admit_deletion(${exportId}::uuid)`.execute(trx);
    });
