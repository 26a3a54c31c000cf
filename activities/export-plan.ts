import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { HeldSnapshot } from '../db/held-snapshot.ts';
import { partitionOf } from '../db/workspaces.ts';
import { SYSTEM_FIELDS, type SystemField } from '../selection/fields.ts';
import { toSqlText } from '../selection/literals.ts';

/** Pages of the table a part covers: 32 MiB, some 57,000 users of 540 bytes. */
const PART_PAGES = 4096;
/** Chosen users a part covers. */
const PART_TARGETS = 50_000;

/** Which of a workspace's users an export holds, split into parts that any lane may take. */
export interface ExportPlan {
  /** Header names, in the order of the columns selected. */
  header: string[];
  /** For each part the query to COPY, and the query for the places of the same rows. */
  parts: { rows: string; tids: string }[];
  /** The query for the number of all rows. */
  count: string;
}

const camelCase = (column: string): string =>
  column.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());

/** Renders a column the way the API would; what PostgreSQL holds comes out with all its digits. */
const rendered = ({ column, type }: SystemField): RawBuilder<unknown> => {
  const value = sql.ref(`users.${column}`);
  switch (type) {
    case 'boolean':
      return sql`${value}::text`;
    case 'list':
      return sql`array_to_string(${value}, ';')`;
    case 'timestamp':
      return sql`CASE WHEN isfinite(${value}) THEN
        to_char(${value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') ELSE ${value}::text END`;
    case 'text':
    case 'date':
      return value;
  }
};

/** A backup holds every column as stored, whatever columns there are; a download those of the API. */
const columnsOf = (purpose: 'backup' | 'download', held: HeldSnapshot) =>
  purpose === 'backup'
    ? { header: held.columns.map(camelCase), select: sql`users.*` }
    : {
        header: [...SYSTEM_FIELDS.map((field) => field.name), 'properties'],
        select: sql.join([...SYSTEM_FIELDS.map(rendered), sql`users.properties`]),
      };

/** Page ranges; the last is open, since the table may have grown after its size was read. */
const pageRanges = (pages: number): RawBuilder<SqlBool>[] => {
  const count = Math.max(1, Math.ceil(pages / PART_PAGES));
  return Array.from({ length: count }, (_, index) => {
    const from = sql`users.ctid >= ${`(${index * PART_PAGES},0)`}::tid`;
    if (index === count - 1) return sql<SqlBool>`${from}`;
    return sql<SqlBool>`${from} AND users.ctid < ${`(${(index + 1) * PART_PAGES},0)`}::tid`;
  });
};

/** Ranges of chosen users' ids, read by the primary key. The array keeps the planner from scanning. */
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
    const end = next === undefined ? sql`` : sql`AND user_id < ${next}`;
    return sql<SqlBool>`users.workspace_id = ${targets.workspaceId} AND users.user_id = ANY (ARRAY(
      SELECT user_id FROM job_targets WHERE job_id = ${targets.jobId}::uuid
         AND pass = ${targets.pass}::int AND user_id >= ${first} ${end}))`;
  });
};

export interface PlannedSelection {
  workspaceId: string;
  purpose: 'backup' | 'download';
  /** What every user of the export satisfies. */
  where: RawBuilder<SqlBool>;
  /** The chosen users it is further limited to. */
  targets?: { jobId: string; pass: number };
}

/** Parts cover all users of the snapshot once. Values are literals: COPY takes no parameters. */
export const planExport = async (
  held: HeldSnapshot,
  selection: PlannedSelection,
): Promise<ExportPlan> => {
  const { workspaceId, targets } = selection;
  const ranges =
    targets === undefined
      ? pageRanges(held.pages)
      : await targetRanges(held, { workspaceId, ...targets });
  const { header, select } = columnsOf(selection.purpose, held);
  const from = sql`FROM ONLY ${sql.id('public', partitionOf(workspaceId))} AS users`;
  const parts = ranges.map((range) => ({
    rows: toSqlText(sql`SELECT ${select} ${from} WHERE ${range} AND ${selection.where}`),
    tids: toSqlText(
      sql`SELECT array_agg(users.ctid)::text AS tids ${from} WHERE ${range} AND ${selection.where}`,
    ),
  }));
  const chosen =
    targets === undefined
      ? sql`true`
      : sql`users.user_id IN (SELECT user_id FROM job_targets
          WHERE job_id = ${targets.jobId}::uuid AND pass = ${targets.pass}::int)`;
  const count = toSqlText(sql`SELECT count(*) ${from} WHERE ${chosen} AND ${selection.where}`);
  return { header, parts, count };
};
