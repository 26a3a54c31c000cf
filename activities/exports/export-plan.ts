import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { HeldSnapshot } from '../../db/exports/held-snapshot.ts';
import type { StoredColumn } from '../../db/column-types.ts';
import type { Format } from '../../db/schema.ts';
import { isTextCell, userCsv } from '../../db/users/user-csv.ts';
import { userJsonOf } from '../../db/users/user-json.ts';
import { partitionOf } from '../../db/workspaces.ts';
import { findSystemField, type Field } from '../../selection/fields.ts';
import {
  toBoundStatement,
  toCopyStatements,
  type BoundStatement,
} from '../../selection/statements.ts';

/** Table pages of a part: 32 MiB, or some 57,000 users of 540 bytes. */
const PART_PAGES = 4096;
/** Chosen users of a part. */
const PART_TARGETS = 50_000;

/** The users of an export, split into parts that any lane may take. */
export interface ExportPlan {
  /** Header names, in the order of the selected columns. */
  header: string[];
  /**
   * Only for a file for spreadsheets: which columns hold text, and are guarded against formulas.
   */
  textColumns: boolean[] | undefined;
  /** For each part the query for COPY. In a backup each row id (ctid) comes before the columns. */
  parts: string[];
  /**
   * The values that the queries of the parts read from settings. `setCopyValues` sets them on each
   * lane's connection.
   */
  values: string[];
  /** The query that counts all rows. */
  count: BoundStatement;
  /** The condition for the users of the only part, or `true`: SQL over the alias `users`. */
  scope: RawBuilder<SqlBool>;
}

/** The columns of a download, with the names from its request. */
export interface Download {
  format: Format;
  columns: { name: string; field: Field }[];
  spreadsheetSafe: boolean;
}

/** Header names, and the query for the rows of `source`: a FROM clause over the alias `users`. */
interface Content extends Pick<ExportPlan, 'textColumns'> {
  header: string[];
  rows: (source: RawBuilder<unknown>) => RawBuilder<unknown>;
}

export interface PlannedSelection {
  workspaceId: string;
  /** Undefined for a backup. */
  download?: Download;
  /** The condition for every user of the export. */
  where: RawBuilder<SqlBool>;
  /** Limits the export to these chosen users. */
  targets?: { jobId: string; pass: number };
}

/** Plans an export. Each user of the snapshot that matches is in exactly one part. */
export const planExport = async (
  held: HeldSnapshot,
  selection: PlannedSelection,
): Promise<ExportPlan> => {
  const { workspaceId, targets } = selection;
  const ranges =
    targets === undefined
      ? pageRanges(held.pages)
      : await targetRanges(held, { workspaceId, ...targets });
  const content = await contentOf(held, selection.download);
  const from = sql`FROM ONLY ${sql.id('public', partitionOf(workspaceId))} AS users`;
  const { texts: parts, values } = toCopyStatements(
    ranges.map((range) => content.rows(sql`${from} WHERE ${range} AND ${selection.where}`)),
  );
  const chosen =
    targets === undefined
      ? sql`true`
      : sql`users.user_id COLLATE "C" IN (SELECT user_id FROM job_targets
          WHERE job_id = ${targets.jobId}::uuid AND pass = ${targets.pass}::int)`;
  const count = toBoundStatement(
    sql`SELECT count(*) ${from} WHERE ${chosen} AND ${selection.where}`,
  );
  // A few chosen users are found by the index. Otherwise the whole partition is read.
  const [only] = ranges;
  const scope =
    targets !== undefined && only !== undefined && ranges.length === 1 ? only : sql<SqlBool>`true`;
  const { header, textColumns } = content;
  return { header, textColumns, parts, values, count, scope };
};

/** Page ranges. The last one is open, because the table may have grown after its size was read. */
const pageRanges = (pages: number): RawBuilder<SqlBool>[] => {
  const count = Math.max(1, Math.ceil(pages / PART_PAGES));
  return Array.from({ length: count }, (_, index) => {
    const from = sql`users.ctid >= ${sql.lit(`(${index * PART_PAGES},0)`)}::tid`;
    if (index === count - 1) return sql<SqlBool>`${from}`;
    const end = sql.lit(`(${(index + 1) * PART_PAGES},0)`);
    return sql<SqlBool>`${from} AND users.ctid < ${end}::tid`;
  });
};

/**
 * Ranges of chosen users' ids, read by the primary key. The array keeps the planner from a full
 * scan. COLLATE decides if the column has another collation; then the whole partition is read.
 */
const targetRanges = async (
  held: HeldSnapshot,
  targets: { workspaceId: string; jobId: string; pass: number },
): Promise<RawBuilder<SqlBool>[]> => {
  const { rows } = await held.client.query<{ first: string }>(
    `SELECT user_id AS first FROM (
       SELECT user_id, row_number() OVER (ORDER BY user_id) AS n FROM job_targets
        WHERE job_id = $1 AND pass = $2) numbered
      WHERE n % $3 = 1 ORDER BY user_id`,
    [targets.jobId, targets.pass, PART_TARGETS],
  );
  return rows.map(({ first }, index) => {
    const next = rows[index + 1]?.first;
    const end = next === undefined ? sql`` : sql`AND user_id < ${next}::text`;
    const isIn = sql`users.workspace_id = ${sql.lit(targets.workspaceId)}`;
    return sql<SqlBool>`${isIn} AND users.user_id COLLATE "C" = ANY (ARRAY(
      SELECT user_id FROM job_targets WHERE job_id = ${sql.lit(targets.jobId)}::uuid
         AND pass = ${sql.lit(targets.pass)} AND user_id >= ${first}::text ${end}))`;
  });
};

/** A backup holds every column as stored. A download holds the chosen columns. */
const contentOf = async (held: HeldSnapshot, download: Download | undefined): Promise<Content> => {
  if (download === undefined) {
    return {
      header: held.columns.map(({ name }) => name),
      textColumns: undefined,
      rows: (source) =>
        sql`SELECT users.ctid, ${sql.join(held.columns.map(storedValue))} ${source}`,
    };
  }
  const { format, columns, spreadsheetSafe } = download;
  const header = columns.map(({ name }) => name);
  if (format === 'csv') {
    const fields = columns.map(({ field }) => field);
    const textColumns = spreadsheetSafe ? fields.map(isTextCell) : undefined;
    return { header, textColumns, rows: (source) => userCsv(fields, source) };
  }
  const fields = header.flatMap((name) => findSystemField(name) ?? []);
  const json = userJsonOf(fields, await chosenProperties(held, columns));
  return { header, textColumns: undefined, rows: (source) => sql`SELECT ${json} ${source}` };
};

/** What is written of `xml` lacks the declaration, or the first line break; its text is whole. */
const storedValue = ({ name, type }: StoredColumn): RawBuilder<unknown> =>
  type === 'xml' ? sql`${sql.id('users', name)}::text` : sql.id('users', name);

/**
 * SQL for the chosen custom properties. It removes all others, so that the chosen ones keep their
 * stored form. The names are read under the snapshot: no user in it can have a property that is not
 * defined in it.
 */
const chosenProperties = async (
  { client, workspaceId }: HeldSnapshot,
  columns: Download['columns'],
): Promise<RawBuilder<unknown> | undefined> => {
  const chosen = columns.flatMap(({ field }) => (field.source === 'custom' ? [field.key] : []));
  if (chosen.length === 0) return undefined;
  const { rows } = await client.query<{ name: string }>(
    'SELECT name FROM properties WHERE workspace_id = $1 AND name <> ALL ($2)',
    [workspaceId, chosen],
  );
  if (rows.length === 0) return sql`users.properties`;
  return sql`users.properties - ${rows.map(({ name }) => name)}::text[]`;
};
