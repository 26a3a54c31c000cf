import { sql } from 'kysely';
import { recordActivity } from '../activity.ts';
import type { Db, Trx } from '../client.ts';
import { END_TRIGGERS } from '../connections/connection.ts';
import { isDenied, isOfARow, KEPT_BACK, rowRefusalOf } from '../connections/sql-states.ts';
import { letUsersCount } from './sequences.ts';
import { insertUsers, lockUsers, updateUsers, type UserChange } from './user-writes.ts';

/** Most users merged by one call. */
export const MAX_MERGED_USERS = 1_000;

/** A user that the database refuses. The reason holds no values of the row. */
export interface Refused {
  refused: string;
}

/** `held`: the change would clear a hold, and the caller may not. */
export type MergeOutcome = 'created' | 'updated' | 'held' | 'notFound' | Refused;

export interface MergeOptions {
  actorKeyId: string;
  mayCreate: boolean;
  mayClearHold: boolean;
}

/** Most starts of a merge, if other transactions create some of its users meanwhile. */
const MAX_STARTS = 5;

interface Plan {
  outcomes: MergeOutcome[];
  /** One change for each user: changes for the same user are joined in their order. */
  changes: Map<string, UserChange>;
}

interface Holds {
  before: ReadonlyMap<string, boolean>;
  after: ReadonlyMap<string, boolean>;
  actorKeyId: string;
}

/** Thrown to roll a merge back and start it anew. */
const ANEW = Symbol('begin anew');

/** A merge in its transaction. */
interface Merge {
  trx: Trx;
  workspaceId: string;
  options: MergeOptions;
  /** The legal hold of each existing user, including users that this merge has created. */
  holds: ReadonlyMap<string, boolean>;
}

/**
 * Merges changes into users in one transaction, and creates missing users. Takes three statements
 * for up to 1,000 users, and a line in the activity log for holds set and for holds cleared.
 * Outcomes are in the order of `changes`. Changes for the same user apply one after another.
 *
 * Rows are locked, then created, in the order of ids, so merges do not deadlock. If other
 * transactions have created some of the users, or the database refuses some, the merge is rolled
 * back and starts anew by halves. Then a refused user does not block the others.
 *
 * @throws Error with code 40001 when other transactions keep creating the same users; DatabaseError
 *   when an error does not concern a user's row
 */
export const mergeUsers = async (
  db: Db,
  workspaceId: string,
  changes: readonly UserChange[],
  options: MergeOptions,
): Promise<MergeOutcome[]> => {
  for (let start = 1; start <= MAX_STARTS; start++) {
    const isByHalves = start > 1;
    try {
      return await db
        .transaction()
        .execute((trx) =>
          mergeOnce({ trx, workspaceId, options, holds: new Map() }, changes, isByHalves),
        );
    } catch (error) {
      const isForAUser = !isByHalves && isOfARow(error);
      if (start === 1 && isDenied(error)) await letUsersCount(db);
      else if (error !== ANEW && !isForAUser) throw error;
    }
  }
  throw Object.assign(new Error('other transactions repeatedly create the same users'), {
    code: '40001',
  });
};

const mergeOnce = async (
  merge: Merge,
  given: readonly UserChange[],
  isByHalves: boolean,
): Promise<MergeOutcome[]> => {
  const { trx, workspaceId, options } = merge;
  const ids = [...new Set(given.map(({ userId }) => userId))];
  const present = await lockUsers(trx, workspaceId, ids);
  merge.holds = present;
  const outcomes = await (isByHalves ? mergeByHalves : mergeWhole)(merge, given);
  if (!Array.isArray(outcomes)) throw ANEW;
  // Foreign triggers have run, and the connection will be lent to other requests. With immediate
  // constraints, no trigger runs at the commit.
  await sql.raw(END_TRIGGERS).execute(trx);
  await recordHolds(trx, workspaceId, { before: present, after: merge.holds, ...options });
  return outcomes;
};

/**
 * Merges by halves. A set of changes that the database refuses is rolled back and split, until each
 * refused user stands alone. Changes are in the order of ids as PostgreSQL sorts them, so that
 * merges do not deadlock over users that they create. Constraints are immediate, because a check at
 * the end of the transaction would not identify the refused user.
 */
const mergeByHalves = async (
  merge: Merge,
  given: readonly UserChange[],
): Promise<MergeOutcome[]> => {
  await sql.raw('SET CONSTRAINTS ALL IMMEDIATE; SAVEPOINT half').execute(merge.trx);
  // The sort is stable: changes of the same user keep their order.
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

const mergeHalves = async (merge: Merge, given: readonly UserChange[]): Promise<MergeOutcome[]> => {
  const tried = await tryToMerge(merge, given);
  if (Array.isArray(tried)) return tried;
  if (given.length === 1) return [tried];
  const middle = Math.ceil(given.length / 2);
  const first = await mergeHalves(merge, given.slice(0, middle));
  return [...first, ...(await mergeHalves(merge, given.slice(middle)))];
};

/** Merges within the savepoint `half`, which exists before and after. */
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

/** Merges all changes, or returns a refusal; then the caller must roll back. */
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

/**
 * Decides the outcome of each change. Updates `holds`: the hold of each changed user, and new
 * users.
 */
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

const joinChanges = (before: UserChange, after: UserChange): UserChange => ({
  userId: after.userId,
  columns: { ...before.columns, ...after.columns },
  properties: { ...before.properties, ...after.properties },
});

/** Logs how many users came under hold and how many were released, but not their ids. */
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
