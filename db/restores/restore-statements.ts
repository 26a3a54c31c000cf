import { escapeIdentifier, escapeLiteral } from 'pg';
import type { UserColumn } from '../users/user-columns.ts';
import type { UserReference } from '../users/user-references.ts';
import { usersTableOf } from '../workspaces.ts';
import { rowStatements } from './other-users.ts';
import type { ChangedType } from './changed-type.ts';

/**
 * The column that takes the values of a backup's column. Undefined if PostgreSQL computes the
 * column.
 */
export type MatchedColumn = (UserColumn & ChangedType & { isSameType: boolean }) | undefined;

export interface RestoreTarget {
  workspaceId: string;
  /** The fingerprint of the table whose columns these are. */
  fingerprint: string;
  /** For each column of the backup's file. */
  columns: readonly MatchedColumn[];
  /** The index of the user id among them. */
  userIdColumn: number;
  /** The index of the email address; undefined for a backup without email addresses. */
  emailColumn: number | undefined;
  /** Foreign keys by which these users refer to one another. */
  references: readonly UserReference[];
}

/**
 * `typed`: values whose type reads exactly what it has written are staged as that type, and
 * compared with the table in binary form, which costs next to nothing. `text`: every value is
 * staged as its text, so that a value which its type refuses fails for its own user only.
 */
export type StagedAs = 'typed' | 'text';

/** A restored row gets new stamps, whatever its backup holds. */
const STAMPS: readonly string[] = ['written_in', 'inserted_in'];

interface KnownColumn {
  column: NonNullable<MatchedColumn>;
  index: number;
  /** Whether the column is staged as its type. */
  isTyped: boolean;
}

/** For users that do not refer to one another: no pairs. */
const REFER_TO_NONE = `SELECT 0 AS n, 0 AS other, '' AS name WHERE false`;

export type RestoreStatements = ReturnType<typeof restoreStatements>;

/** A staged user whose restored row is missing or differs from the backup. */
export interface Difference {
  n: number;
  userId: string;
  isMissing: boolean;
  /** The names of the columns, separated by commas. */
  differing: string;
}

/** The staging table's column for a column of the file. */
export const staged = (index: number): string => `c${index}`;

/**
 * The statements of a restore. A part is staged with one column for each column of the file, and a
 * number `n`. `$1` and `$2` are the first and the last number that a statement processes.
 *
 * Inserted rows are read again by row id (`ctid`), in a lateral subquery that OFFSET keeps apart
 * from the join around it. Users are looked up by all their ids at once, by a hash join. Without
 * statistics, as after a deletion of all users, PostgreSQL may otherwise read a whole index of the
 * workspace for each user.
 */
export const restoreStatements = (
  { workspaceId, columns, userIdColumn, references }: RestoreTarget,
  as: StagedAs,
) => {
  const users = usersTableOf(workspaceId);
  const userId = staged(userIdColumn);
  const known = knownColumnsOf(columns, as);
  const typeOf = (index: number): string =>
    known.find((one) => one.index === index && one.isTyped)?.column.type ?? 'text';
  const inserted = known.filter(({ column }) => !column.isGenerated);
  const names = [...inserted.map(({ column }) => escapeIdentifier(column.name)), ...STAMPS];
  const values = [
    ...inserted.map((one) =>
      one.isTyped ? read('s', one) : `${read('s', one)}::${one.column.baseType}`,
    ),
    ...STAMPS.map(() => 'pg_current_xact_id()'),
  ];
  // By the id's bytes, whatever collation the column has by now.
  const isUser = `u.workspace_id = ${escapeLiteral(workspaceId)} AND u.user_id = s.${userId} COLLATE "C"`;
  const named = known.map(
    (one) => `CASE WHEN ${differs(one)} THEN ${escapeLiteral(one.column.name)} END`,
  );
  return {
    /** Dropped at the end of the transaction. */
    createStaging: `CREATE TEMP TABLE pg_temp.restoring (n int GENERATED ALWAYS AS IDENTITY, ${columns
      .map((_, index) => `${staged(index)} ${typeOf(index)}`)
      .join(', ')}) ON COMMIT DROP`,
    copy: `COPY pg_temp.restoring (${columns.map((_, index) => staged(index)).join(', ')})
      FROM STDIN (FORMAT csv, ENCODING 'UTF8')`,
    /** Deletes the staged users whose ids are not in the result of a query. */
    keepOnly: (ids: string): string =>
      `DELETE FROM pg_temp.restoring WHERE ${userId} NOT IN (SELECT user_id FROM (${ids}) AS wanted)`,
    /** Inserts a range. Returns the row ids of the new rows as the text of an array. */
    insert: `WITH restored AS (INSERT INTO ${users} (${names.join(', ')}) OVERRIDING SYSTEM VALUE
        SELECT ${values.join(', ')} FROM pg_temp.restoring s WHERE s.n BETWEEN $1 AND $2 RETURNING ctid)
      SELECT coalesce(array_agg(ctid), '{}')::text AS "rowIds", count(*) AS count FROM restored`,
    ...rowStatements(users, isUser),
    /**
     * Whether all staged users stand at these row ids (a list of array texts) with the file's
     * values.
     */
    areSame: `SELECT count(*) = (SELECT count(*) FROM pg_temp.restoring) AS "areSame"
      FROM unnest($1::text[]) AS list, unnest(list::tid[]) AS p (row_id) CROSS JOIN LATERAL (
        SELECT * FROM ONLY ${users} AS u WHERE u.ctid = p.row_id OFFSET 0) AS u
      JOIN pg_temp.restoring s ON ${isUser} WHERE NOT (${anyDiffers(known)})`,
    /**
     * Staged users that are missing, or differ from the file: the names of the differing columns.
     * The file must be staged as text.
     */
    compare: `SELECT s.n, s.${userId} AS "userId", u.user_id IS NULL AS "isMissing",
        array_to_string(ARRAY[${named.join(', ')}], ', ') AS differing
      FROM pg_temp.restoring s LEFT JOIN ONLY ${users} AS u ON ${isUser}
      WHERE u.user_id IS NULL OR ${anyDiffers(known)}`,
    /** Deletes the staged users that exist already, and stores their outcomes for job `$3`. */
    leavePresent: `WITH there AS (
        DELETE FROM pg_temp.restoring s USING ONLY ${users} AS u
         WHERE s.n BETWEEN $1 AND $2 AND ${isUser}
        RETURNING s.${userId} AS user_id)
      INSERT INTO outcomes (job_id, user_id, outcome) SELECT $3, user_id, 'present' FROM there`,
    /** The constraints by which staged users may need one another. */
    references: references.map(({ constraint }) => constraint),
    /**
     * Staged users that refer to a user who is neither staged nor in the table, directly or through
     * others, with the constraint.
     */
    lost: `WITH RECURSIVE refers AS MATERIALIZED (${
      references.flatMap((one) => refers(one, known)).join(' UNION ALL ') || REFER_TO_NONE
    }), lost AS (
        SELECT n, name FROM refers WHERE other IS NULL
        UNION SELECT refers.n, refers.name FROM refers JOIN lost ON lost.n = refers.other)
      SELECT s.n, s.${userId} AS "userId", min(lost.name) AS constraint
        FROM lost JOIN pg_temp.restoring s ON s.n = lost.n GROUP BY s.n, s.${userId}`,
    /** Deletes the staged users with these numbers. */
    leave: `DELETE FROM pg_temp.restoring WHERE n = ANY ($1::int[]) RETURNING ${userId} AS "userId"`,
    index: `CREATE INDEX ON pg_temp.restoring (n)`,
    /** Records the chunk of a job's part: all staged users count as restored. */
    recordChunk: `INSERT INTO restore_chunks (job_id, part, restored, present, failed, restored_ids)
      SELECT $1, $2, count(*), $3, $4, coalesce(array_agg(${userId}), '{}') FROM pg_temp.restoring`,
  };
};

const knownColumnsOf = (columns: RestoreTarget['columns'], as: StagedAs): KnownColumn[] =>
  columns.flatMap((column, index) => {
    if (column === undefined || STAMPS.includes(column.name)) return [];
    const isTyped = as === 'typed' && column.isSameType && column.isExact && !column.isGenerated;
    return [{ column, index, isTyped }];
  });

/** The value of a staged row, before a cast to today's type. */
const read = (row: string, { column, index }: KnownColumn): string =>
  `${row}.${staged(index)}${column.readAs === undefined ? '' : `::${column.readAs}`}`;

/**
 * Whether the text of a column in the table differs from the file. If the type has changed since,
 * the column is compared with the file's text converted to the new type. If that may have rounded
 * or cut the value, both texts must also be equal as values of the types in `comparedAs`.
 */
const differs = (one: KnownColumn): string => {
  const { column, index } = one;
  const name = `u.${escapeIdentifier(column.name)}`;
  const text = `s.${staged(index)}`;
  if (column.isText && column.readAs === undefined) {
    return `${name} COLLATE "C" IS DISTINCT FROM ${text}`;
  }
  if (column.isSameType) {
    const stored = column.type === 'xml' ? `${name}::text COLLATE "C"` : written(name);
    return `${stored} IS DISTINCT FROM ${text}`;
  }
  const isChanged = `${written(name)} IS DISTINCT FROM ${written(`${read('s', one)}::${column.type}`)}`;
  const { comparedAs } = column;
  if (comparedAs === undefined) return isChanged;
  const { restored, stored } = comparedAs;
  return `(${isChanged} OR ${written(name)}::${restored} IS DISTINCT FROM ${text}::${stored})`;
};

/**
 * A value as PostgreSQL's output function writes it. A cast to text would write some types
 * differently. IS NULL would be true of a composite whose fields are all null.
 */
const written = (value: string): string =>
  `(CASE WHEN num_nonnulls(${value}) = 1 THEN concat(${value}) END) COLLATE "C"`;

/**
 * Whether any column differs. Columns staged as their types are compared together, in binary form.
 */
const anyDiffers = (known: readonly KnownColumn[]): string => {
  const typed = known.filter(({ isTyped }) => isTyped);
  const stored = typed.map(({ column }) => `u.${escapeIdentifier(column.name)}`).join(', ');
  const read = typed.map(({ index }) => `s.${staged(index)}`).join(', ');
  return [
    ...(typed.length > 0 ? [`record_image_ne(ROW(${stored}), ROW(${read}))`] : []),
    ...known.filter(({ isTyped }) => !isTyped).map(differs),
  ].join(' OR ');
};

/**
 * Pairs of a staged user and the staged user it refers to. The second is null if the referenced
 * user is neither staged nor in the table.
 */
const refers = (
  { constraint, table, columns, referenced }: UserReference,
  known: readonly KnownColumn[],
): string[] => {
  const valueOf = (row: string, name: string): string | undefined => {
    const one = known.find(({ column }) => column.name === name);
    return one && `${read(row, one)}::${one.column.baseType}`;
  };
  const list = (row: string, names: string[]): string | undefined => {
    const values = names.map((name) => valueOf(row, name));
    return values.includes(undefined) ? undefined : values.join(', ');
  };
  const [from, to] = [list('s', columns), list('o', referenced)];
  // A column that the file does not hold has the same value for all its users.
  if (from === undefined || to === undefined) return [];
  const there = referenced.map((name) => `u.${escapeIdentifier(name)}`).join(', ');
  return [
    `SELECT s.n, o.n AS other, ${escapeLiteral(constraint)} AS name
       FROM pg_temp.restoring s LEFT JOIN pg_temp.restoring o ON (${to}) = (${from})
      WHERE num_nulls(${from}) = 0
        AND NOT EXISTS (SELECT FROM ${table} u WHERE (${there}) = (${from}))`,
  ];
};
