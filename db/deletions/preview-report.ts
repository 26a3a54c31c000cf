import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { visibleText } from '../../selection/characters.ts';
import type { Trx } from '../client.ts';
import { type ListRef, unmatchedEntries } from '../users/user-lists.ts';

/** Most entries or ids of each kind that a report names. */
export const REPORT_SIZE = 100;

/** The entries of a list that name no user, or several. Samples are in the order of lines. */
export interface ListReport {
  notFound: number;
  notFoundSample: { line: number; entry: string }[];
  ambiguous: number;
  ambiguousSample: { line: number; entry: string; users: number }[];
}

/** Those ids of a selection that are not user ids. */
export interface IdsReport {
  notFound: number;
  notFoundSample: { entry: string }[];
}

/** Ids that a selection excludes, and the filter without the exclusion. */
export interface Excluded {
  ids: readonly string[];
  matches: RawBuilder<SqlBool>;
}

/** Those excluded ids that are not user ids, or whose users the filter does not match anyway. */
export interface ExcludedReport {
  excludedNotFound: number;
  excludedNotFoundSample: string[];
  excludedNotMatching: number;
  excludedNotMatchingSample: string[];
}

/** Looks up each entry of a list. */
export const reportList = async (trx: Trx, list: ListRef): Promise<ListReport> => {
  const { rows } = await sql<ListReport>`
    WITH unmatched AS MATERIALIZED (${unmatchedEntries(list)})
    SELECT count(*) FILTER (WHERE reason = 'notFound') AS "notFound",
           ${sampleOf('notFound', sql`line, entry`)} AS "notFoundSample",
           count(*) FILTER (WHERE reason = 'ambiguous') AS ambiguous,
           ${sampleOf('ambiguous', sql`line, entry, users`)} AS "ambiguousSample"
      FROM unmatched`.execute(trx);
  const [report] = rows;
  if (report === undefined) throw new Error('an aggregate has one row');
  return {
    ...report,
    notFoundSample: report.notFoundSample.map(toVisible),
    ambiguousSample: report.ambiguousSample.map(toVisible),
  };
};

export const reportIds = async (
  trx: Trx,
  workspaceId: string,
  ids: readonly string[],
): Promise<IdsReport> => {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM unnest(${ids}::text[]) WITH ORDINALITY AS named (id, n)
     WHERE NOT EXISTS (SELECT FROM users WHERE workspace_id = ${workspaceId} AND user_id = id)
     ORDER BY n`.execute(trx);
  const sample = rows.slice(0, REPORT_SIZE).map(({ id }) => ({ entry: visibleText(id) }));
  return { notFound: rows.length, notFoundSample: sample };
};

/** Looks up each id by the primary key, and applies the filter to those users only. */
export const reportExcluded = async (
  trx: Trx,
  workspaceId: string,
  { ids, matches }: Excluded,
): Promise<ExcludedReport> => {
  const { rows } = await sql<{ id: string; isUser: boolean }>`
    SELECT named.id, users.user_id IS NOT NULL AS "isUser"
      FROM unnest(${ids}::text[]) WITH ORDINALITY AS named (id, n)
      LEFT JOIN users ON users.workspace_id = ${workspaceId} AND users.user_id = named.id
     WHERE CASE WHEN users.user_id IS NULL THEN true ELSE NOT (${matches}) END
     ORDER BY named.n`.execute(trx);
  const idsWhere = (isUser: boolean) =>
    rows.filter((row) => row.isUser === isUser).map(({ id }) => id);
  const [missing, others] = [idsWhere(false), idsWhere(true)];
  return {
    excludedNotFound: missing.length,
    excludedNotFoundSample: missing.slice(0, REPORT_SIZE).map(visibleText),
    excludedNotMatching: others.length,
    excludedNotMatchingSample: others.slice(0, REPORT_SIZE).map(visibleText),
  };
};

const sampleOf = (reason: string, shown: RawBuilder<unknown>) =>
  sql`(SELECT coalesce(json_agg(s), '[]') FROM (
     SELECT ${shown} FROM unmatched WHERE reason = ${reason} ORDER BY line LIMIT ${REPORT_SIZE}) AS s)`;

/** Makes invisible characters visible, so that two entries that look alike can be distinguished. */
const toVisible = <Entry extends { entry: string }>(entry: Entry): Entry => ({
  ...entry,
  entry: visibleText(entry.entry),
});
