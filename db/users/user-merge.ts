import { sql } from 'kysely';
import { recordActivity } from '../activity.ts';
import type { Db, Trx } from '../client.ts';
import { RESET_SETTINGS } from '../connections/connection.ts';
import { isDenied, isOfARow, KEPT_BACK, rowRefusalOf } from '../connections/sql-states.ts';
import { letUsersCount } from './sequences.ts';
import { insertUsers, lockUsers, updateUsers, type UserChange } from './user-writes.ts';

/** Users merged by one call at most. */
export const MAX_MERGED_USERS = 1_000;

/** A user whom the database does not take; says why without what stands in the row. */
export interface Refused {
  refused: string;
}

/** `held`: it would clear a hold, which the caller may not. */
export type MergeOutcome = 'created' | 'updated' | 'held' | 'notFound' | Refused;

export interface MergeOptions {
  actorKeyId: string;
  mayCreate: boolean;
  mayClearHold: boolean;
}

/** How often a merge begins anew because others created some of its users meanwhile. */
const MAX_STARTS = 5;

interface Plan {
  outcomes: MergeOutcome[];
  /** One change a user: those for the same user put together in their order. */
  changes: Map<string, UserChange>;
}

const joinChanges = (before: UserChange, after: UserChange): UserChange => ({
  userId: after.userId,
  columns: { ...before.columns, ...after.columns },
  properties: { ...before.properties, ...after.properties },
});

/** Notes in `holds` who comes under hold, and who is new. */
const planMerge = (
  given: readonly UserChange[],
  holds: Map<string, boolean>,
  { mayCreate, mayClearHold }: MergeOptions,
): Plan => {
  const changes = new Map<string, UserChange>();
  const outcomes = given.map((change): MergeOutcome => {
    const { userId } = change;
    const isHeld = holds.get(userId);
    if (isHeld === undefined && !mayCreate) return 'notFound';
    const hold = change.columns['legal_hold'];
    if (hold === false && isHeld === true && !mayClearHold) return 'held';
    holds.set(userId, typeof hold === 'boolean' ? hold : (isHeld ?? false));
    const before = changes.get(userId);
    changes.set(userId, before === undefined ? change : joinChanges(before, change));
    return isHeld === undefined ? 'created' : 'updated';
  });
  return { outcomes, changes };
};

interface Holds {
  before: ReadonlyMap<string, boolean>;
  after: ReadonlyMap<string, boolean>;
  actorKeyId: string;
}

/** Tells the activity log how many users came under hold and out of it, not who. */
const recordHolds = async (
  trx: Trx,
  workspaceId: string,
  { before, after, actorKeyId }: Holds,
): Promise<void> => {
  const changed = [...after].filter(([id, hold]) => hold !== (before.get(id) ?? false));
  for (const [kind, isHeld] of [
    ['holdSet', true],
    ['holdCleared', false],
  ] as const) {
    const users = changed.filter(([, hold]) => hold === isHeld).length;
    if (users === 0) continue;
    await recordActivity(trx, { workspaceId, kind, actorKeyId, counts: { users } });
  }
};

/** Thrown to roll a merge back and begin it anew. */
const ANEW = Symbol('begin anew');

/** A merge at work in its transaction. */
interface Merge {
  trx: Trx;
  workspaceId: string;
  options: MergeOptions;
  /** Whether each user who is there, as far as it was merged, is under hold. */
  holds: ReadonlyMap<string, boolean>;
}

/** Merges all that is given, or refuses it as a whole; then it is to be rolled back. */
const mergeWhole = async (
  merge: Merge,
  given: readonly UserChange[],
): Promise<MergeOutcome[] | Refused> => {
  const { trx, workspaceId, holds: present } = merge;
  const holds = new Map(present);
  const { outcomes, changes } = planMerge(given, holds, merge.options);
  const all = [...changes.values()];
  const made = await insertUsers(
    trx,
    workspaceId,
    all.filter(({ userId }) => !present.has(userId)),
  );
  if (made === 'raced') throw ANEW;
  const changed = await updateUsers(
    trx,
    workspaceId,
    all.filter(({ userId }) => present.has(userId)),
  );
  if (made === 'keptBack' || changed === 'keptBack') return { refused: KEPT_BACK };
  merge.holds = holds;
  return outcomes;
};

/** In a savepoint that is there before and after. */
const tryToMerge = async (
  merge: Merge,
  given: readonly UserChange[],
): Promise<MergeOutcome[] | Refused> => {
  let tried: MergeOutcome[] | Refused;
  try {
    tried = await mergeWhole(merge, given);
  } catch (error) {
    if (!isOfARow(error)) throw error;
    tried = { refused: rowRefusalOf(error) };
  }
  const isMerged = Array.isArray(tried);
  await sql
    .raw(isMerged ? 'RELEASE SAVEPOINT half; SAVEPOINT half' : 'ROLLBACK TO SAVEPOINT half')
    .execute(merge.trx);
  return tried;
};

const mergeHalves = async (merge: Merge, given: readonly UserChange[]): Promise<MergeOutcome[]> => {
  const tried = await tryToMerge(merge, given);
  if (Array.isArray(tried)) return tried;
  if (given.length === 1) return [tried];
  const middle = Math.ceil(given.length / 2);
  const first = await mergeHalves(merge, given.slice(0, middle));
  return [...first, ...(await mergeHalves(merge, given.slice(middle)))];
};

/**
 * Merges by halves: what cannot be merged is rolled back and split, until the users whom the
 * database refuses stand alone. In the order of ids as PostgreSQL has it, so that merges do not
 * deadlock over those they create; checks that wait for the end of a transaction would not say whom
 * they refuse.
 */
const mergeCarefully = async (
  merge: Merge,
  given: readonly UserChange[],
): Promise<MergeOutcome[]> => {
  await sql.raw('SET CONSTRAINTS ALL IMMEDIATE; SAVEPOINT half').execute(merge.trx);
  // Stable: changes of the same user stay in their order.
  const ordered = given
    .map((change, index) => ({ change, index, key: Buffer.from(change.userId) }))
    .toSorted((a, b) => Buffer.compare(a.key, b.key));
  const merged = await mergeHalves(
    merge,
    ordered.map(({ change }) => change),
  );
  return ordered
    .map(({ index }, at) => ({ index, outcome: merged[at] ?? 'notFound' }))
    .toSorted((a, b) => a.index - b.index)
    .map(({ outcome }) => outcome);
};

const mergeOnce = async (
  merge: Merge,
  given: readonly UserChange[],
  isCareful: boolean,
): Promise<MergeOutcome[]> => {
  const { trx, workspaceId, options } = merge;
  const ids = [...new Set(given.map(({ userId }) => userId))];
  const present = await lockUsers(trx, workspaceId, ids);
  merge.holds = present;
  const outcomes = await (isCareful ? mergeCarefully : mergeWhole)(merge, given);
  if (!Array.isArray(outcomes)) throw ANEW;
  // Triggers of others have run, and the connection is lent to other requests. None runs when it
  // commits.
  await sql.raw(`SET CONSTRAINTS ALL IMMEDIATE; ${RESET_SETTINGS}`).execute(trx);
  await recordHolds(trx, workspaceId, { before: present, after: merge.holds, ...options });
  return outcomes;
};

/**
 * Merges changes into users, creating those that are missing, in one transaction: three statements
 * for up to 1,000 users, and a line in the activity log for holds set and one for holds cleared.
 * Outcomes are in the order given; changes for the same user apply one after the other. Rows are
 * locked, then created, in the order of ids, so merges do not deadlock; one that meets users
 * created meanwhile, or users whom the database refuses, lets go of all and begins anew. Then each
 * user who is refused stands alone, and stops no other.
 *
 * @throws Error with code 40001 when others create the same users over and over; DatabaseError for
 *   what is no user's
 */
export const mergeUsers = async (
  db: Db,
  workspaceId: string,
  changes: readonly UserChange[],
  options: MergeOptions,
): Promise<MergeOutcome[]> => {
  for (let start = 1; start <= MAX_STARTS; start++) {
    const isCareful = start > 1;
    try {
      return await db
        .transaction()
        .execute((trx) =>
          mergeOnce({ trx, workspaceId, options, holds: new Map() }, changes, isCareful),
        );
    } catch (error) {
      const isForAUser = !isCareful && isOfARow(error);
      if (start === 1 && isDenied(error)) await letUsersCount(db);
      else if (error !== ANEW && !isForAUser) throw error;
    }
  }
  throw Object.assign(new Error('others create the same users over and over'), { code: '40001' });
};
