import type { PoolClient, QueryResult } from 'pg';
import { areOwn, minus, readRowCounts, type RowCounts } from '../../db/restores/other-users.ts';
import type { RestoreStatements } from '../../db/restores/restore-statements.ts';
import { failures } from '../failures.ts';
import type { Range } from './by-halves.ts';
import { END_INSERT, RENEW_RESTORE } from './restore-settings.ts';

/** The staged rows of a part, in an open transaction. */
export interface Staging {
  client: PoolClient;
  statements: RestoreStatements;
  /** How many rows are staged. They are numbered from 1. */
  rows: number;
  /** The restore job, whose outcomes name users that exist already. A rehearsal has no job. */
  jobId?: string;
}

/** Runs a query without nested loops: the planner cannot know how many rows are staged. */
export const byHash = async <Row extends object>(
  client: PoolClient,
  statement: string,
  values: unknown[] = [],
): Promise<QueryResult<Row>> => {
  await client.query('SET LOCAL enable_nestloop = off');
  const result = await client.query<Row>(statement, values);
  await client.query('SET LOCAL enable_nestloop = on');
  return result;
};

/** Inserted rows: their row ids (ctids), and all that their insert did to rows of users. */
export interface Inserted {
  rowIds: string;
  done: RowCounts;
}

/**
 * Inserts a range of staged rows. Runs deferred triggers now, and resets settings that triggers
 * have changed. A rehearsal never commits, so its deferred triggers need not run.
 *
 * @throws othersWouldGo when PostgreSQL does not count rows
 */
export const insertRange = async (
  { client, statements, jobId }: Staging,
  { from, to }: Range,
): Promise<Inserted> => {
  const before = await readRowCounts(client, statements.countRows);
  const { rows } = await client.query<{ rowIds: string; count: number }>(statements.insert, [
    from,
    to,
  ]);
  await client.query(jobId === undefined ? RENEW_RESTORE : END_INSERT);
  const done = minus(await readRowCounts(client, statements.countRows), before);
  const { rowIds, count } = rows[0] ?? { rowIds: '{}', count: 0 };
  if (done.inserted < count) throw failures.othersWouldGo();
  return { rowIds, done };
};

/** Whether inserts have left all rows of users alone that they did not insert at these row ids. */
export const leftOthers = async (
  { client, statements }: Staging,
  rowIds: readonly string[],
  done: RowCounts,
): Promise<boolean> => {
  if (areOwn(done, 0)) return true;
  if (done.elsewhere > 0) return false;
  const { rows } = await client.query<{ changed: number }>(statements.countChanged, [rowIds]);
  if (areOwn(done, rows[0]?.changed ?? 0)) return true;
  // Triggers may have written an inserted row several times, or in a block that was rolled back.
  if (done.deleted > 0) return false;
  const written = await byHash<{ hasWritten: boolean }>(client, statements.hasWrittenOthers);
  return written.rows[0]?.hasWritten === false;
};

/**
 * Compares in a separate query, because triggers that run after the insert may have changed or
 * moved rows.
 */
export const areSame = async (
  { client, statements }: Staging,
  rowIds: readonly string[],
): Promise<boolean> => {
  const { rows } = await byHash<{ areSame: boolean }>(client, statements.areSame, [rowIds]);
  return rows[0]?.areSame ?? false;
};

/**
 * Inserts all staged rows as they are in the file. Returns false if the result differs; then the
 * transaction must be rolled back.
 */
export const insertWhole = async (staging: Staging): Promise<boolean> => {
  const { rowIds, done } = await insertRange(staging, { from: 1, to: staging.rows });
  return (await leftOthers(staging, [rowIds], done)) && areSame(staging, [rowIds]);
};
