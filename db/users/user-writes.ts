import { type RawBuilder, sql } from 'kysely';
import { CHANGEABLE_COLUMNS } from '../../rules/changeable-properties.ts';
import type { Trx } from '../client.ts';

/** A change of a user: values in stored form, null for a value that becomes unknown. */
export interface UserChange {
  userId: string;
  /** By name of the column. */
  columns: Readonly<Record<string, unknown>>;
  /** Custom properties, by name. */
  properties: Readonly<Record<string, unknown>>;
}

/** The columns that a write sets. */
const WRITTEN_COLUMNS = [...CHANGEABLE_COLUMNS, 'legal_hold', 'properties'];

/**
 * Locks the existing users in the order of their ids, as every merge does.
 *
 * @returns the legal hold of each existing user, by id
 */
export const lockUsers = async (
  trx: Trx,
  workspaceId: string,
  ids: readonly string[],
): Promise<Map<string, boolean>> => {
  const { rows } = await sql<{ user_id: string; legal_hold: boolean }>`
    SELECT user_id, legal_hold FROM users
     WHERE workspace_id = ${workspaceId} AND user_id = ANY (${ids}::text[])
     ORDER BY user_id COLLATE "C" FOR NO KEY UPDATE`.execute(trx);
  return new Map(rows.map((row) => [row.user_id, row.legal_hold]));
};

/**
 * Creates users. `raced`: other transactions have created some of them. `keptBack`: a trigger
 * prevented an insert.
 */
export const insertUsers = async (
  trx: Trx,
  workspaceId: string,
  changes: readonly UserChange[],
): Promise<'done' | 'raced' | 'keptBack'> => {
  if (changes.length === 0) return 'done';
  const rows = changes.map(({ userId, columns, properties }) => ({
    ...columns,
    user_id: userId,
    properties: withoutNulls(properties),
  }));
  const { numAffectedRows } = await sql`
    INSERT INTO users (workspace_id, user_id, properties, legal_hold, ${listOf(CHANGEABLE_COLUMNS)})
    SELECT ${workspaceId}, n.user_id, n.properties, coalesce(n.legal_hold, false),
           ${listOf(CHANGEABLE_COLUMNS, 'n.')}
      FROM jsonb_populate_recordset(NULL::users, ${JSON.stringify(rows)}::jsonb) n
     ORDER BY n.user_id COLLATE "C"
    ON CONFLICT (workspace_id, user_id) DO NOTHING`.execute(trx);
  const made = Number(numAffectedRows ?? 0n);
  if (made === changes.length) return 'done';
  return (await countPresent(trx, workspaceId, changes)) > made ? 'raced' : 'keptBack';
};

/**
 * Updates the locked users that differ from their change, and no others: an unchanged row keeps its
 * stamp. Only written columns are compared: the type of an added column may have no equality
 * operator. The ids are given, so that PostgreSQL reads by the primary key even without statistics.
 * `keptBack`: a trigger prevented an update.
 */
export const updateUsers = async (
  trx: Trx,
  workspaceId: string,
  changes: readonly UserChange[],
): Promise<'done' | 'keptBack'> => {
  if (changes.length === 0) return 'done';
  const ids = changes.map(({ userId }) => userId);
  const sets = WRITTEN_COLUMNS.map((column) => sql`${sql.ref(column)} = ${sql.ref(`c.${column}`)}`);
  const { rows } = await sql<{ isWhole: boolean }>`
    WITH changing AS MATERIALIZED (
      SELECT n.*
        FROM ${changeTable(changes)}
        JOIN users o ON o.workspace_id = ${workspaceId} AND o.user_id = c.user_id COLLATE "C"
        CROSS JOIN LATERAL jsonb_populate_record(o, c.columns || jsonb_build_object(
          'properties', (o.properties || c.known) - c.cleared)) n
       WHERE o.user_id = ANY (${ids}::text[])
         AND (${listOf(WRITTEN_COLUMNS, 'n.')}) IS DISTINCT FROM (${listOf(WRITTEN_COLUMNS, 'o.')})),
    changed AS (
      UPDATE users SET ${sql.join(sets)}, updated_at = now() FROM changing c
       WHERE users.workspace_id = ${workspaceId} AND users.user_id = c.user_id
         AND users.user_id = ANY (${ids}::text[])
      RETURNING 1)
    SELECT (SELECT count(*) FROM changing) = (SELECT count(*) FROM changed) AS "isWhole"`.execute(
    trx,
  );
  return rows[0]?.isWhole === true ? 'done' : 'keptBack';
};

const withoutNulls = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

const listOf = (columns: readonly string[], prefix = ''): RawBuilder<unknown> =>
  sql.join(columns.map((column) => sql.ref(`${prefix}${column}`)));

/**
 * Number of the changed users that exist now, whether this transaction created them or another one.
 */
const countPresent = async (
  trx: Trx,
  workspaceId: string,
  changes: readonly UserChange[],
): Promise<number> => {
  const ids = changes.map(({ userId }) => userId);
  const { rows } = await sql<{ count: number }>`
    SELECT count(*)::int AS count FROM users
     WHERE workspace_id = ${workspaceId} AND user_id = ANY (${ids}::text[])`.execute(trx);
  return rows[0]?.count ?? 0;
};

/** The changes as a table, from one bound text for any number of changes. */
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
