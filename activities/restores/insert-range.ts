import type { PoolClient, QueryResult } from 'pg';
import {
  areOwn,
  minus,
  type OwnChanges,
  readRowCounts,
  type RowCounts,
} from '../../db/restores/other-users.ts';
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

const NO_CHANGES: OwnChanges = { missing: 0, moved: 0 };

/**
 * Whether the insert of a range has left all rows of users alone that the range did not insert.
 *
 * @param rowIds the row ids of the range
 */
export const leftOthers = async (
  { client, statements }: Staging,
  { from, to }: Range,
  rowIds: readonly string[],
  done: RowCounts,
): Promise<boolean> => {
  if (areOwn(done, NO_CHANGES)) return true;
  const values = [from, to, rowIds];
  // A single user is found by the primary key.
  const { rows } =
    from === to
      ? await client.query<OwnChanges>(statements.ownChanges, values)
      : await byHash<OwnChanges>(client, statements.ownChanges, values);
  return areOwn(done, rows[0] ?? NO_CHANGES);
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
  const whole = { from: 1, to: staging.rows };
  const { rowIds, done } = await insertRange(staging, whole);
  return (await leftOthers(staging, whole, [rowIds], done)) && areSame(staging, [rowIds]);
};
