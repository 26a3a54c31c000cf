import { escapeIdentifier, escapeLiteral } from 'pg';
import { SYSTEM_FIELDS } from '../../selection/fields.ts';
import { MAX_LIST_ITEMS } from '../../selection/values.ts';
import {
  changesOf,
  folded,
  goneKeys,
  type ImportTarget,
  JOINED_TAGS,
  mergesTags,
  newColumn,
  stateOf,
} from './import-changes.ts';
import { usersTableOf } from '../workspaces.ts';

/**
 * Types of the staged columns. The table's own types, such as a domain, may refuse a value, which
 * must fail for single lines only.
 */
const STAGED_AS: Readonly<Record<string, string>> = Object.fromEntries(
  SYSTEM_FIELDS.map(({ column, type }) => [column, type === 'list' ? 'text[]' : type]),
);

export type ImportStatements = ReturnType<typeof importStatements>;

/**
 * The statements of an import. Lines are staged as rows `s` with a number `n` from 0. `$1` and `$2`
 * are the first and the last row that a statement processes, or `$1` is an array of rows.
 *
 * Each line's user `o` is looked up separately, by the primary key of the workspace's partition.
 * OFFSET keeps the lateral subqueries from being merged into the joins around them. Without
 * statistics, as in a table that was just filled, the planner would otherwise compare each line
 * with each user.
 */
export const importStatements = (target: ImportTarget) => {
  const users = target.table ?? usersTableOf(target.workspaceId);
  const workspace = escapeLiteral(target.workspaceId);
  const listed = listOf(target.columns);
  const changes = changesOf(target);
  const differs =
    changes.map(([name, value]) => `${value} IS DISTINCT FROM o.${name}`).join(' OR ') || 'false';
  /**
   * Users under hold are not changed. In mode `insert`, no existing user is changed, so none counts
   * as held.
   */
  const isHeld = target.mode === 'insert' ? 'false' : 'o.legal_hold IS TRUE';
  /** A user with another email address by now is not the user that the address found. */
  const isSame = target.matchBy === 'email' ? `${folded('o.email')} = ${folded('s.mail')}` : 'true';
  const isOverfull = mergesTags(target)
    ? `cardinality(${JOINED_TAGS}) > greatest(${MAX_LIST_ITEMS}, cardinality(o.tags))`
    : 'false';
  const found = (rows: string, what = '*') => `pg_temp.import_staging s CROSS JOIN LATERAL (
      SELECT ${what} FROM ${users} AS o
       WHERE o.workspace_id = ${workspace} AND o.user_id = s.user_id OFFSET 0) o WHERE ${rows}`;
  /** Locks users one after another, in the order of their ids, as every merge does. */
  const locked = (rows: string) => `(
      SELECT * FROM pg_temp.import_staging s WHERE ${rows} ORDER BY user_id COLLATE "C" OFFSET 0) s
     CROSS JOIN LATERAL (
      SELECT * FROM ${users} AS o
       WHERE o.workspace_id = ${workspace} AND o.user_id = s.user_id FOR NO KEY UPDATE) o`;
  return {
    ...stagingOf(target),
    /**
     * Finds the users of the lines: which exist, which are held, and which of the others would
     * change. Takes no locks.
     */
    classify: `SELECT coalesce(sum(lines) FILTER (WHERE NOT held), 0)::int AS "presentLines",
        count(*)::int AS present, coalesce(array_agg(n), '{}')::text AS "presentRows",
        coalesce(array_agg(n) FILTER (WHERE held), '{}') AS "heldRows",
        count(*) FILTER (WHERE differs AND NOT held)::int AS changing,
        coalesce(array_agg(n) FILTER (WHERE differs AND NOT held), '{}')::text AS "changingRows",
        coalesce(bool_or(overfull AND NOT held), false) AS "isOverfull"
      FROM (SELECT s.n, s.lines, ${differs} AS differs, ${isHeld} AS held, ${isOverfull} AS overfull
              FROM ${found('s.n BETWEEN $1 AND $2')} OFFSET 0) AS compared`,
    lockAll: `SELECT count(*) FROM ${locked('true')}`,
    /**
     * Locks the existing users of the rows, and checks again which would change. A user that is now
     * held, or has another email address by now, does not count as locked. From here on, a hold
     * must wait.
     */
    lock: lockOf(
      target,
      locked('n = ANY ($1::int[])'),
      `NOT (${isHeld}) AND ${isSame}`,
      `(${differs})`,
    ),
    /** Updates by row id (`ctid`), which does not change while the rows are locked. */
    update: `WITH changed AS (
        UPDATE ${users} AS o SET ${changes.map(([name, value]) => `${name} = ${value}`).join(', ')},
               updated_at = now()
          FROM (SELECT s.*, o.place FROM ${found('s.n = ANY ($1::int[])', 'ctid AS place')} OFFSET 0) s
         WHERE o.ctid = s.place AND NOT (${isHeld}) AND (${differs})
        RETURNING s.lines)
      SELECT count(*)::int AS updated, coalesce(sum(lines), 0)::int AS lines FROM changed`,
    /** Creates users from the rows that are not among `$3`, in the order of their ids. */
    insert: `INSERT INTO ${users} (workspace_id, user_id, ${listed}properties)
      SELECT ${workspace}, user_id, ${listed}properties FROM pg_temp.import_staging
       WHERE n BETWEEN $1 AND $2 AND n <> ALL ($3::int[])
       ORDER BY user_id COLLATE "C" ON CONFLICT DO NOTHING`,
    /** Rows of a range that are not among `$3`. */
    missing: `SELECT n FROM pg_temp.import_staging WHERE n BETWEEN $1 AND $2 AND n <> ALL ($3::int[]) ORDER BY n`,
    /** Values of the rows' users that are not known from their lines. */
    state: `SELECT s.n, o.* FROM ${found('s.n BETWEEN $1 AND $2', stateOf(target))}`,
    /** The tags of the rows' users, and which of the users are held. */
    tags: `SELECT s.n, coalesce(o.tags, '{}') AS tags, ${isHeld} AS held
      FROM ${found('s.n = ANY ($1::int[])', 'tags, legal_hold')}`,
    find: `SELECT FROM ${found('s.n = $1')}`,
  };
};

const listOf = (columns: readonly string[]): string =>
  columns.map((name) => `${escapeIdentifier(name)}, `).join('');

/** The table of staged rows, with the columns that the import needs. */
const stagingOf = ({ columns, matchBy, canKeep }: ImportTarget) => {
  const extras: [name: string, type: string][] = [];
  if (matchBy === 'email') extras.push(['mail', 'text']);
  if (canKeep) extras.push(['kept', 'text[]']);
  const typed = [...extras, ...columns.map((name) => [escapeIdentifier(name), STAGED_AS[name]])];
  const names = listOf(extras.map(([name]) => name)) + listOf(columns);
  return {
    /**
     * Made once for each connection, and empty at the start of each transaction. The id has no
     * collation of its own: that of the users' column decides, so that its index is used.
     */
    createStaging: `CREATE TEMP TABLE IF NOT EXISTS pg_temp.import_staging (n int, lines int,
        user_id text, ${typed.map((column) => `${column.join(' ')}, `).join('')}
        properties jsonb) ON COMMIT DELETE ROWS`,
    copy: `COPY pg_temp.import_staging (n, lines, user_id, ${names}properties) FROM STDIN (ENCODING 'UTF8')`,
  };
};

/**
 * Locks the rows of `locked`. Counts those that are not held, those that differ, and the values
 * that become unknown. Cleared values are counted only for columns in `emptied`, which most imports
 * do not have.
 */
const lockOf = (target: ImportTarget, locked: string, free: string, differs: string): string => {
  const { columns, properties } = target.emptied;
  if (columns.length === 0 && properties.length === 0) {
    return `SELECT count(*) FILTER (WHERE ${free})::int AS locked,
        count(*) FILTER (WHERE ${differs})::int AS changing, '{}'::jsonb AS cleared FROM ${locked}`;
  }
  const flags = columns.map(
    (name) => `o.${name} IS NOT NULL AND ${newColumn(target, name)} IS NULL AS "is ${name}", `,
  );
  const counts = columns.map((name) => `'${name}', count(*) FILTER (WHERE "is ${name}")`);
  return `WITH found AS MATERIALIZED (
      SELECT ${flags.join('')}${free} AS free, ${differs} AS differs, ${goneKeys(target)} AS gone FROM ${locked})
    SELECT count(*) FILTER (WHERE free)::int AS locked, count(*) FILTER (WHERE differs)::int AS changing,
        jsonb_build_object(${counts.join(', ')}) || coalesce((
          SELECT jsonb_object_agg('properties.' || key, n) FROM (
            SELECT key, count(*) AS n FROM found, unnest(gone) AS key GROUP BY key) AS keys), '{}') AS cleared
      FROM found`;
};
