import { escapeIdentifier, escapeLiteral } from 'pg';
import type { UserColumn } from '../users/user-columns.ts';
import type { UserReference } from '../users/user-references.ts';
import { partitionOf } from '../workspaces.ts';

/**
 * The column that takes the values of a backup's column; none where PostgreSQL computes it anew.
 */
export type MatchedColumn = (UserColumn & { isSameType: boolean }) | undefined;

export interface RestoreTarget {
  workspaceId: string;
  /** For each column of the backup's file. */
  columns: readonly MatchedColumn[];
  /** Where the ids of users stand among them. */
  userIdColumn: number;
  /** Where their mail addresses stand; of a backup without them, nowhere. */
  emailColumn: number | undefined;
  /** By these users refer to one another. */
  references: readonly UserReference[];
}

/**
 * `typed`: values whose type reads exactly what it has written are staged as that, and compared as
 * they lie in the table, which costs next to nothing. `text`: every value is staged as its text, so
 * that one which a type refuses is refused for its user alone.
 */
export type StagedAs = 'typed' | 'text';

/** A restored row was written now, whatever its backup says. */
const STAMPS: readonly string[] = ['written_in', 'inserted_in'];

/** The staging table's column for one of the file. */
export const staged = (index: number): string => `c${index}`;

/**
 * A value as PostgreSQL writes it; a cast to text would write some types otherwise, and IS NULL is
 * true of a composite whose fields are null.
 */
const written = (value: string): string =>
  `(CASE WHEN num_nonnulls(${value}) = 1 THEN concat(${value}) END) COLLATE "C"`;

interface KnownColumn {
  column: NonNullable<MatchedColumn>;
  index: number;
  /** Whether it is staged as its type. */
  isTyped: boolean;
}

/**
 * Whether what the table holds is another text than the file's. Where a column has another type
 * since, it is compared with what the text becomes in that type, as it became for every user who
 * stayed.
 */
const differs = ({ column, index }: KnownColumn): string => {
  const name = `u.${escapeIdentifier(column.name)}`;
  const text = `s.${staged(index)}`;
  if (column.isText) return `${name} COLLATE "C" IS DISTINCT FROM ${text}`;
  const expected = column.isSameType ? text : written(`${text}::${column.type}`);
  return `${written(name)} IS DISTINCT FROM ${expected}`;
};

/** Whether any column differs: those staged as their types by their bytes, all in one. */
const anyDiffers = (known: readonly KnownColumn[]): string => {
  const typed = known.filter(({ isTyped }) => isTyped);
  const stored = typed.map(({ column }) => `u.${escapeIdentifier(column.name)}`).join(', ');
  const read = typed.map(({ index }) => `s.${staged(index)}`).join(', ');
  return [
    ...(typed.length > 0 ? [`record_image_ne(ROW(${stored}), ROW(${read}))`] : []),
    ...known.filter(({ isTyped }) => !isTyped).map(differs),
  ].join(' OR ');
};

const knownColumnsOf = (columns: RestoreTarget['columns'], as: StagedAs): KnownColumn[] =>
  columns.flatMap((column, index) => {
    if (column === undefined || STAMPS.includes(column.name)) return [];
    const isTyped = as === 'typed' && column.isSameType && column.isExact && !column.isGenerated;
    return [{ column, index, isTyped }];
  });

/**
 * Which staged user refers to which other one; to none where that one is neither staged nor in the
 * table.
 */
const refers = (
  { constraint, table, columns, referenced }: UserReference,
  known: readonly KnownColumn[],
): string[] => {
  const valueOf = (row: string, name: string): string | undefined => {
    const one = known.find(({ column }) => column.name === name);
    return one && `${row}.${staged(one.index)}::${one.column.baseType}`;
  };
  const list = (row: string, names: string[]): string | undefined => {
    const values = names.map((name) => valueOf(row, name));
    return values.includes(undefined) ? undefined : values.join(', ');
  };
  const [from, to] = [list('s', columns), list('o', referenced)];
  // What the file does not hold is the same for everyone of it.
  if (from === undefined || to === undefined) return [];
  const there = referenced.map((name) => `u.${escapeIdentifier(name)}`).join(', ');
  return [
    `SELECT s.n, o.n AS other, ${escapeLiteral(constraint)} AS name
       FROM pg_temp.restoring s LEFT JOIN pg_temp.restoring o ON (${to}) = (${from})
      WHERE num_nulls(${from}) = 0
        AND NOT EXISTS (SELECT FROM ${table} u WHERE (${there}) = (${from}))`,
  ];
};

/** Of nobody, where users do not refer to one another. */
const REFER_TO_NONE = `SELECT 0 AS n, 0 AS other, '' AS name WHERE false`;

/**
 * The statements of a restore. A part is staged with one column for each of its file's, and a
 * number `n`. `$1` and `$2` are the first and the last number that a statement is about.
 *
 * What was inserted is read again by row id, which a lateral subquery with OFFSET keeps apart from
 * the join around it. Users are looked up by their ids all at once, by a hash join: without
 * statistics, as after everyone was deleted, PostgreSQL may read a whole index of the workspace for
 * each single one.
 */
export const restoreStatements = (
  { workspaceId, columns, userIdColumn, references }: RestoreTarget,
  as: StagedAs,
) => {
  const users = `public.${escapeIdentifier(partitionOf(workspaceId))}`;
  const userId = staged(userIdColumn);
  const known = knownColumnsOf(columns, as);
  const typeOf = (index: number): string =>
    known.find((one) => one.index === index && one.isTyped)?.column.type ?? 'text';
  const inserted = known.filter(({ column }) => !column.isGenerated);
  const names = [...inserted.map(({ column }) => escapeIdentifier(column.name)), ...STAMPS];
  const values = [
    ...inserted.map(({ column, index, isTyped }) =>
      isTyped ? `s.${staged(index)}` : `s.${staged(index)}::${column.baseType}`,
    ),
    ...STAMPS.map(() => 'pg_current_xact_id()'),
  ];
  const isIn = `u.workspace_id = ${escapeLiteral(workspaceId)}`;
  const named = known.map(
    (one) => `CASE WHEN ${differs(one)} THEN ${escapeLiteral(one.column.name)} END`,
  );
  return {
    /** Gone with the transaction. */
    createStaging: `CREATE TEMP TABLE pg_temp.restoring (n int GENERATED ALWAYS AS IDENTITY, ${columns
      .map((_, index) => `${staged(index)} ${typeOf(index)}`)
      .join(', ')}) ON COMMIT DROP`,
    copy: `COPY pg_temp.restoring (${columns.map((_, index) => staged(index)).join(', ')})
      FROM STDIN (FORMAT csv, ENCODING 'UTF8')`,
    /** Takes away those that are not among the ids a query gives. */
    keepOnly: (ids: string): string =>
      `DELETE FROM pg_temp.restoring WHERE ${userId} NOT IN (SELECT user_id FROM (${ids}) AS wanted)`,
    /** Inserts a range, and says at which places, as the text of an array. */
    insert: `WITH restored AS (INSERT INTO ${users} (${names.join(', ')}) OVERRIDING SYSTEM VALUE
        SELECT ${values.join(', ')} FROM pg_temp.restoring s WHERE s.n BETWEEN $1 AND $2 RETURNING ctid)
      SELECT coalesce(array_agg(ctid), '{}')::text AS places FROM restored`,
    /** Whether all that are staged stand at these places, lists of them, as the file has them. */
    areSame: `SELECT count(*) = (SELECT count(*) FROM pg_temp.restoring) AS "areSame"
      FROM unnest($1::text[]) AS list, unnest(list::tid[]) AS p (place) CROSS JOIN LATERAL (
        SELECT * FROM ONLY ${users} AS u WHERE u.ctid = p.place OFFSET 0) AS u
      JOIN pg_temp.restoring s ON s.${userId} = u.user_id WHERE NOT (${anyDiffers(known)})`,
    /**
     * Users that are not there, or not as the file has them, which was staged as text: by which
     * columns.
     */
    compare: `SELECT s.n, s.${userId} AS "userId", u.user_id IS NULL AS "isMissing",
        array_to_string(ARRAY[${named.join(', ')}], ', ') AS differing
      FROM pg_temp.restoring s LEFT JOIN ONLY ${users} AS u ON ${isIn} AND u.user_id = s.${userId}
      WHERE u.user_id IS NULL OR ${anyDiffers(known)}`,
    /** Takes away those that are there already, and says so in the outcomes of job `$3`. */
    leavePresent: `WITH there AS (
        DELETE FROM pg_temp.restoring s USING ONLY ${users} AS u
         WHERE s.n BETWEEN $1 AND $2 AND ${isIn} AND u.user_id = s.${userId}
        RETURNING s.${userId} AS user_id)
      INSERT INTO outcomes (job_id, user_id, outcome) SELECT $3, user_id, 'present' FROM there`,
    /** The constraints by which staged users may need one another. */
    references: references.map(({ constraint }) => constraint),
    /**
     * Those who refer to a user who is neither staged nor there, or to one who does so: by which
     * constraint.
     */
    lost: `WITH RECURSIVE refers AS MATERIALIZED (${
      references.flatMap((one) => refers(one, known)).join(' UNION ALL ') || REFER_TO_NONE
    }), lost AS (
        SELECT n, name FROM refers WHERE other IS NULL
        UNION SELECT refers.n, refers.name FROM refers JOIN lost ON lost.n = refers.other)
      SELECT s.n, s.${userId} AS "userId", min(lost.name) AS constraint
        FROM lost JOIN pg_temp.restoring s ON s.n = lost.n GROUP BY s.n, s.${userId}`,
    /** Takes away those of these numbers. */
    leave: `DELETE FROM pg_temp.restoring WHERE n = ANY ($1::int[]) RETURNING ${userId} AS "userId"`,
    index: `CREATE INDEX ON pg_temp.restoring (n)`,
    /** Writes down the chunk of a job and part: all that are staged are restored. */
    recordChunk: `INSERT INTO restore_chunks (job_id, part, restored, present, failed, restored_ids)
      SELECT $1, $2, count(*), $3, $4, coalesce(array_agg(${userId}), '{}') FROM pg_temp.restoring`,
  };
};

export type RestoreStatements = ReturnType<typeof restoreStatements>;

/** A staged user that did not come back as the backup has them. */
export interface Difference {
  n: number;
  userId: string;
  isMissing: boolean;
  /** The names of the columns, separated by commas. */
  differing: string;
}
