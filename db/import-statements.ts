import { escapeIdentifier, escapeLiteral } from 'pg';
import type { ImportMode } from '../imports/options.ts';
import { SYSTEM_FIELDS } from '../selection/fields.ts';
import { MAX_LIST_ITEMS } from '../selection/values.ts';
import { partitionOf } from './workspaces.ts';

/** What an import does to users, and by which columns and custom properties of its file. */
export interface ImportTarget {
  workspaceId: string;
  /** Stands for the partition of the users. */
  table?: string;
  mode: ImportMode;
  mergeTags: boolean;
  /** Of the database, without `user_id`. */
  columns: readonly string[];
  properties: readonly string[];
}

/** What a file can change; a hold, and when a user came and changed, are not for files to say. */
export const CHANGEABLE_COLUMNS: readonly string[] = SYSTEM_FIELDS.map(
  ({ column }) => column,
).filter((column) => !['user_id', 'legal_hold', 'created_at', 'updated_at'].includes(column));

/** Types that lines are staged as: what a table makes of them, as by a domain, concerns single lines. */
const STAGED_AS: Readonly<Record<string, string>> = Object.fromEntries(
  SYSTEM_FIELDS.map(({ column, type }) => [column, type === 'list' ? 'text[]' : type]),
);

/** Tags the user `o` has, and behind them those of the line `s` that are new. */
const JOINED_TAGS = `CASE WHEN s.tags IS NULL THEN o.tags ELSE o.tags || ARRAY(
  SELECT tag FROM unnest(s.tags) WITH ORDINALITY AS given (tag, place)
   WHERE o.tags IS NULL OR tag <> ALL (o.tags) ORDER BY place) END`;

/** Whether tags of the lines are added to those of the users. */
export const mergesTags = ({
  columns,
  mergeTags,
}: Pick<ImportTarget, 'columns' | 'mergeTags'>): boolean => mergeTags && columns.includes('tags');

const newColumn = (target: ImportTarget, column: string): string => {
  if (!target.columns.includes(column)) return 'NULL';
  return column === 'tags' && mergesTags(target) ? JOINED_TAGS : `s.${column}`;
};

/** What becomes of a user `o` that is there, by column. */
const changesOf = (target: ImportTarget): [column: string, value: string][] => {
  const { mode, columns, properties } = target;
  if (mode === 'insert') return [];
  const names = mode === 'replace' ? CHANGEABLE_COLUMNS : columns;
  const changes = names.map((column): [string, string] => [column, newColumn(target, column)]);
  if (mode === 'replace') changes.push(['properties', 's.properties']);
  else if (properties.length > 0) {
    const given = escapeLiteral(`{${properties.map((name) => `"${name}"`).join()}}`);
    changes.push(['properties', `(o.properties - ${given}::text[]) || s.properties`]);
  }
  return changes;
};

/**
 * The statements of an import. Lines are staged as rows `s` with a number `n` from 0; `$1` and `$2` are
 * the first and last one a statement is about, or `$1` is an array of them.
 *
 * Each line's user `o` is looked up by itself, by the primary key of the workspace's partition: the
 * lateral subqueries are not merged into the joins around them. A table that was just filled has no
 * statistics, and whatever else the planner makes of that compares each line with each user.
 */
export const importStatements = (target: ImportTarget) => {
  const users = target.table ?? `public.${escapeIdentifier(partitionOf(target.workspaceId))}`;
  const workspace = escapeLiteral(target.workspaceId);
  const columns = target.columns.map(escapeIdentifier).join(', ');
  const listed = columns === '' ? '' : `${columns}, `;
  const changes = changesOf(target);
  const differs =
    changes.map(([name, value]) => `${value} IS DISTINCT FROM o.${name}`).join(' OR ') || 'false';
  /** Users under hold stay as they are; where those who are there do so anyway, none counts as held. */
  const isHeld = target.mode === 'insert' ? 'false' : 'o.legal_hold IS TRUE';
  const isOverfull = mergesTags(target)
    ? `cardinality(${JOINED_TAGS}) > ${MAX_LIST_ITEMS}`
    : 'false';
  const found = (rows: string, what = '*') => `import_staging s CROSS JOIN LATERAL (
      SELECT ${what} FROM ${users} AS o
       WHERE o.workspace_id = ${workspace} AND o.user_id = s.user_id OFFSET 0) o WHERE ${rows}`;
  /** Locked one after the other, in the order of their ids, as every merge does. */
  const locked = (rows: string) => `(
      SELECT * FROM import_staging s WHERE ${rows} ORDER BY user_id OFFSET 0) s
     CROSS JOIN LATERAL (
      SELECT * FROM ${users} AS o
       WHERE o.workspace_id = ${workspace} AND o.user_id = s.user_id FOR NO KEY UPDATE) o`;
  return {
    /** Made once a connection, and empty at the beginning of each transaction. */
    createStaging: `CREATE TEMP TABLE IF NOT EXISTS import_staging (n int, lines int,
        user_id text COLLATE "C", ${target.columns.map((name) => `${escapeIdentifier(name)} ${STAGED_AS[name]}, `).join('')}
        properties jsonb) ON COMMIT DELETE ROWS`,
    copy: `COPY import_staging (n, lines, user_id, ${listed}properties) FROM STDIN (ENCODING 'UTF8')`,
    /** Who of the lines' users is there, who of them is held, and who of the others would change. Locks nobody. */
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
     * Locks those of the rows who are there, and looks again at who would change. Who has come under hold
     * meanwhile does not count as locked; from here on a hold has to wait.
     */
    lock: `SELECT count(*) FILTER (WHERE NOT (${isHeld}))::int AS locked,
        count(*) FILTER (WHERE ${differs})::int AS changing
      FROM ${locked('n = ANY ($1::int[])')}`,
    /** By their places, which do not move while they are locked. */
    update: `WITH changed AS (
        UPDATE ${users} AS o SET ${changes.map(([name, value]) => `${name} = ${value}`).join(', ')},
               updated_at = now()
          FROM (SELECT s.*, o.place FROM ${found('s.n = ANY ($1::int[])', 'ctid AS place')} OFFSET 0) s
         WHERE o.ctid = s.place AND NOT (${isHeld}) AND (${differs})
        RETURNING s.lines)
      SELECT count(*)::int AS updated, coalesce(sum(lines), 0)::int AS lines FROM changed`,
    /** Makes users of the rows that are not among `$3`, in the order of their ids. */
    insert: `INSERT INTO ${users} (workspace_id, user_id, ${listed}properties)
      SELECT ${workspace}, user_id, ${listed}properties FROM import_staging
       WHERE n BETWEEN $1 AND $2 AND n <> ALL ($3::int[])
       ORDER BY user_id ON CONFLICT DO NOTHING`,
    /** The tags of the rows' users. */
    tags: `SELECT s.user_id AS "userId", o.tags FROM ${found('s.n BETWEEN $1 AND $2', 'tags')}`,
    find: `SELECT FROM ${found('s.n = $1')}`,
  };
};

export type ImportStatements = ReturnType<typeof importStatements>;
