import { type RawBuilder, sql } from 'kysely';
import { SYSTEM_FIELDS } from '../selection/fields.ts';
import { recordActivity } from './activity.ts';
import type { Db, Trx } from './client.ts';

/** Users merged by one call at most. */
export const MAX_MERGED_USERS = 1_000;

/** What becomes of a user: values in stored form, null for what becomes unknown. */
export interface UserChange {
  userId: string;
  /** By the names of the columns. */
  columns: Readonly<Record<string, unknown>>;
  /** Custom properties, by name. */
  properties: Readonly<Record<string, unknown>>;
}

/** `held`: it would clear a hold, which the caller may not. */
export type MergeOutcome = 'created' | 'updated' | 'held' | 'notFound';

export interface MergeOptions {
  actorKeyId: string;
  mayCreate: boolean;
  mayClearHold: boolean;
}

/** How often a merge begins anew because others created some of its users meanwhile. */
const MAX_STARTS = 5;

const CHANGEABLE = SYSTEM_FIELDS.map(({ column }) => column).filter(
  (column) => !['user_id', 'legal_hold', 'created_at', 'updated_at'].includes(column),
);

const columnList = (prefix = ''): RawBuilder<unknown> =>
  sql.join(CHANGEABLE.map((column) => sql.ref(`${prefix}${column}`)));

/** Locks the users that are there in the order of their ids, as every merge does. */
const lockUsers = async (trx: Trx, workspaceId: string, ids: readonly string[]) => {
  const { rows } = await sql<{ user_id: string; legal_hold: boolean }>`
    SELECT user_id, legal_hold FROM users
     WHERE workspace_id = ${workspaceId} AND user_id = ANY (${ids}::text[])
     ORDER BY user_id FOR NO KEY UPDATE`.execute(trx);
  return new Map(rows.map((row) => [row.user_id, row.legal_hold]));
};

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

const withoutNulls = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

/** The changes as a table: one bound text, however many they are. */
const changeTable = (changes: readonly UserChange[]): RawBuilder<unknown> => {
  const rows = changes.map(({ userId, columns, properties }) => ({
    user_id: userId,
    columns,
    known: withoutNulls(properties),
    cleared: Object.keys(properties).filter((name) => properties[name] === null),
  }));
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
    AS c(user_id text, columns jsonb, known jsonb, cleared text[])`;
};

/** How many it created: fewer than asked when another transaction was faster with some. */
const insertUsers = async (
  trx: Trx,
  workspaceId: string,
  changes: readonly UserChange[],
): Promise<number> => {
  if (changes.length === 0) return 0;
  const rows = changes.map(({ userId, columns, properties }) => ({
    ...columns,
    user_id: userId,
    properties: withoutNulls(properties),
  }));
  const { numAffectedRows } = await sql`
    INSERT INTO users (workspace_id, user_id, properties, legal_hold, ${columnList()})
    SELECT ${workspaceId}, n.user_id, n.properties, coalesce(n.legal_hold, false), ${columnList('n.')}
      FROM jsonb_populate_recordset(NULL::users, ${JSON.stringify(rows)}::jsonb) n
     ORDER BY n.user_id
    ON CONFLICT (workspace_id, user_id) DO NOTHING`.execute(trx);
  return Number(numAffectedRows ?? 0n);
};

/**
 * Writes the users that differ from what they become, and no others: an unchanged row keeps its stamp.
 * The ids are named so that it reads by the primary key, also where the table has no statistics yet.
 */
const updateUsers = async (
  trx: Trx,
  workspaceId: string,
  changes: readonly UserChange[],
): Promise<void> => {
  if (changes.length === 0) return;
  const ids = changes.map(({ userId }) => userId);
  const sets = [...CHANGEABLE, 'legal_hold', 'properties'].map(
    (column) => sql`${sql.ref(column)} = ${sql.ref(`n.${column}`)}`,
  );
  await sql`
    UPDATE users SET ${sql.join(sets)}, updated_at = now()
      FROM ${changeTable(changes)}
      JOIN users o ON o.workspace_id = ${workspaceId} AND o.user_id = c.user_id COLLATE "C"
      CROSS JOIN LATERAL jsonb_populate_record(o, c.columns || jsonb_build_object(
        'properties', (o.properties || c.known) - c.cleared)) n
     WHERE users.workspace_id = ${workspaceId} AND users.user_id = o.user_id
       AND users.user_id = ANY (${ids}::text[]) AND o.user_id = ANY (${ids}::text[])
       AND n IS DISTINCT FROM o`.execute(trx);
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

const mergeOnce = async (
  trx: Trx,
  workspaceId: string,
  given: readonly UserChange[],
  options: MergeOptions,
): Promise<MergeOutcome[] | undefined> => {
  const ids = [...new Set(given.map(({ userId }) => userId))];
  const present = await lockUsers(trx, workspaceId, ids);
  const holds = new Map(present);
  const { outcomes, changes } = planMerge(given, holds, options);
  const all = [...changes.values()];
  const missing = all.filter(({ userId }) => !present.has(userId));
  if ((await insertUsers(trx, workspaceId, missing)) < missing.length) return undefined;
  await updateUsers(
    trx,
    workspaceId,
    all.filter(({ userId }) => present.has(userId)),
  );
  await recordHolds(trx, workspaceId, { before: present, after: holds, ...options });
  return outcomes;
};

const ROLLED_BACK = Symbol('rolled back');

/**
 * Merges changes into users, creating those that are missing, in one transaction: three statements
 * for up to 1,000 users, and a line in the activity log for holds set and one for holds cleared. Outcomes are in the order given; changes for the same user apply one after
 * the other. Rows are locked, then created, in the order of ids, so merges do not deadlock; one that
 * meets users created meanwhile lets go of all and begins anew.
 *
 * @throws Error with code 40001 when others create the same users over and over
 */
export const mergeUsers = async (
  db: Db,
  workspaceId: string,
  changes: readonly UserChange[],
  options: MergeOptions,
): Promise<MergeOutcome[]> => {
  for (let start = 1; start <= MAX_STARTS; start++) {
    try {
      return await db.transaction().execute(async (trx) => {
        const outcomes = await mergeOnce(trx, workspaceId, changes, options);
        if (outcomes === undefined) throw ROLLED_BACK;
        return outcomes;
      });
    } catch (error) {
      if (error !== ROLLED_BACK) throw error;
    }
  }
  throw Object.assign(new Error('others create the same users over and over'), { code: '40001' });
};
