import type { DatabaseError, PoolClient } from 'pg';
import type { Difference, RestoreStatements } from '../db/restore-statements.ts';
import { byHalves, type Range, type Tried } from './by-halves.ts';
import { isOfARow } from './failures.ts';

/** A user that the database does not take back, and why. */
export interface NotRestored {
  userId: string;
  reason: string;
}

/** Staged rows of a part, in an open transaction. */
export interface Staging {
  client: PoolClient;
  statements: RestoreStatements;
  /** How many rows were loaded: they have the numbers from 1 to this. */
  rows: number;
  /** The restore whose outcomes name the users that are there already; a rehearsal has none. */
  jobId?: string;
}

/** What became of the staged rows; all others were inserted. */
export interface LeftOut {
  /** How many users are there already. */
  present: number;
  notRestored: NotRestored[];
}

/** PostgreSQL's own text may quote a row, so only its code and the names of things are kept. */
export const refusalOf = ({ code, constraint, column }: DatabaseError): string => {
  if (constraint !== undefined) return `constraint ${constraint}`;
  return column === undefined ? `SQLSTATE ${code}` : `SQLSTATE ${code}, column ${column}`;
};

const insertAndCompare = async (
  { client, statements }: Staging,
  { from, to }: Range,
): Promise<Difference[]> => {
  await client.query(statements.insert, [from, to]);
  const { rows } = await client.query<Difference>(statements.compare, [from, to]);
  return rows;
};

/**
 * Inserts all staged rows as they are in the file. False when not all of them came back that way; then
 * the transaction must be rolled back.
 */
export const insertWhole = async (
  { client, statements }: Pick<Staging, 'client' | 'statements'>,
  count: number,
): Promise<boolean> => {
  await client.query(statements.insertAll);
  // A query of its own: triggers that run after the statement have changed rows by now.
  const { rows } = await client.query<{ same: number }>(statements.countSame);
  return rows[0]?.same === count;
};

const reasonOf = ({ isMissing, differing }: Difference): string =>
  isMissing ? 'refused' : `changedOnInsert ${differing}`;

/** Rolled back to, a savepoint is still there, and the next one of its name would lie within it. */
const ROLL_BACK = 'ROLLBACK TO SAVEPOINT range; RELEASE SAVEPOINT range';

/** Takes out the users that are there already, as looked up now. @returns how many */
const leavePresent = async (
  { client, statements, jobId }: Staging,
  { from, to }: Range,
): Promise<number> => {
  if (jobId === undefined) return 0;
  const { rowCount } = await client.query(statements.leavePresent, [from, to, jobId]);
  return rowCount ?? 0;
};

const leave = async (
  { client, statements }: Staging,
  left: readonly (NotRestored & { n: number })[],
  out: LeftOut,
): Promise<void> => {
  await client.query(statements.leave, [left.map(({ n }) => n)]);
  out.notRestored.push(...left.map(({ userId, reason }) => ({ userId, reason })));
};

/** One user whom the database refuses: somebody may have added them a moment ago. */
const leaveRefused = async (
  staging: Staging,
  n: number,
  error: DatabaseError,
  out: LeftOut,
): Promise<void> => {
  const present = await leavePresent(staging, { from: n, to: n });
  out.present += present;
  if (present > 0) return;
  const { client, statements } = staging;
  const { rows } = await client.query<{ userId: string }>(statements.userIdOf, [n]);
  const left = rows.map(({ userId }) => ({ n, userId, reason: refusalOf(error) }));
  await leave(staging, left, out);
};

const tryRange = async (staging: Staging, range: Range, out: LeftOut): Promise<Tried> => {
  const { client } = staging;
  await client.query('SAVEPOINT range');
  try {
    const differences = await insertAndCompare(staging, range);
    if (differences.length === 0) {
      await client.query('RELEASE SAVEPOINT range');
      return 'done';
    }
    await client.query(ROLL_BACK);
    await leave(
      staging,
      differences.map((row) => ({ ...row, reason: reasonOf(row) })),
      out,
    );
    return 'again';
  } catch (error) {
    if (!isOfARow(error)) throw error;
    await client.query(ROLL_BACK);
    if (range.from < range.to) return 'split';
    await leaveRefused(staging, range.from, error, out);
    return 'done';
  }
};

/**
 * Inserts the staged rows that the database takes back as they are in the file. A user that is there
 * already, that the database refuses, or that a trigger changes or keeps out, is taken out of the staging
 * and keeps no other out.
 */
export const insertCarefully = async (staging: Staging): Promise<LeftOut> => {
  const { client, statements, rows } = staging;
  const whole = { from: 1, to: rows };
  await client.query(statements.index);
  const out: LeftOut = { present: await leavePresent(staging, whole), notRestored: [] };
  await byHalves(whole, (range) => tryRange(staging, range, out));
  return out;
};
