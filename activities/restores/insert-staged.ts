import type { DatabaseError } from 'pg';
import { NO_ROWS_COUNTED, plus, type RowCounts } from '../../db/restores/other-users.ts';
import type { Difference } from '../../db/restores/restore-statements.ts';
import {
  isOfARow,
  isUniqueViolation,
  mayBeOfARow,
  reasonOf,
} from '../../db/connections/sql-states.ts';
import { byHalves, type Range, type Tried } from './by-halves.ts';
import {
  areSame,
  byHash,
  type Inserted,
  insertRange,
  leftOthers,
  type Staging,
} from './insert-range.ts';

/** A user that the database does not accept, with the reason. */
export interface NotRestored {
  userId: string;
  reason: string;
}

const FOREIGN_KEY_VIOLATION = '23503';
/** A range without rows. */
const NO_ROWS: Range = { from: 0, to: 0 };

/** The staged rows that were not inserted. */
export interface LeftOut {
  /** How many users exist already. */
  present: number;
  notRestored: NotRestored[];
}

/** The result of one round over the staged rows. */
interface Round {
  rowIds: string[];
  /** What the inserts of these rows did. */
  done: RowCounts;
  present: number;
  refused: (NotRestored & { n: number })[];
  /** Users that refer to missing users. They may be restored together with those. */
  waiting: (NotRestored & { n: number })[];
}

/**
 * Inserts the staged rows that the database accepts unchanged, by halves. A user is removed from
 * the staging if the user exists already, is refused, or is changed or kept out by a trigger. Such
 * a user does not block the others. The effects of triggers show once all rows are inserted. If
 * there are any, the round is rolled back, and the next one leaves these users out.
 */
export const insertCarefully = async (staging: Staging, signal: AbortSignal): Promise<LeftOut> => {
  const { client, statements, rows } = staging;
  const whole = { from: 1, to: rows };
  await client.query(statements.index);
  await insertNobody(staging);
  const present = await leavePresent(staging, whole);
  const left: NotRestored[] = [];
  for (;;) {
    const round: Round = {
      rowIds: [],
      done: NO_ROWS_COUNTED,
      present: 0,
      refused: [],
      waiting: [],
    };
    await client.query('SAVEPOINT round');
    await byHalves(whole, signal, (range) => tryRange(staging, range, round));
    if (round.waiting.length > 0) {
      left.push(...(await beginTogether(staging, round)));
      continue;
    }
    // The row ids are compared first, because a trigger may have moved users without changing them.
    const differences = (await areSame(staging, round.rowIds))
      ? []
      : await findDifferences(staging);
    if (differences.length === 0) {
      return { present: present + round.present, notRestored: [...left, ...round.refused] };
    }
    left.push(...(await beginAnew(staging, [...round.refused, ...differences])));
  }
};

/**
 * Inserts no rows, to find errors of the statement itself and missing rights.
 *
 * @throws that error, but not an error raised by a trigger: that is reported for each user
 */
const insertNobody = async (staging: Staging): Promise<void> => {
  await staging.client.query('SAVEPOINT nobody');
  try {
    await insertRange(staging, NO_ROWS);
  } catch (error) {
    if (!isOfARow(error)) throw error;
  }
  await staging.client.query(rollBackTo('nobody'));
};

/**
 * A savepoint remains after a rollback to it. Without the release, the next savepoint of this name
 * would be nested in it.
 */
const rollBackTo = (savepoint: string): string =>
  `ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`;

/** Removes the users that exist by now from the staging. @returns how many */
const leavePresent = async (
  { client, statements, jobId }: Staging,
  { from, to }: Range,
): Promise<number> => {
  if (jobId === undefined) return 0;
  const values = [from, to, jobId];
  // A single user is found by the primary key. For each single user, a hash join would read all
  // others, which takes hours.
  const { rowCount } =
    from === to
      ? await client.query(statements.leavePresent, values)
      : await byHash(client, statements.leavePresent, values);
  return rowCount ?? 0;
};

const tryRange = async (staging: Staging, range: Range, round: Round): Promise<Tried> => {
  const { client } = staging;
  const [{ done }, added] = [round, round.rowIds.length];
  let refusal: DatabaseError | undefined;
  await client.query('SAVEPOINT range');
  try {
    const inserted = await insertRange(staging, range);
    if (await addRange(staging, inserted, round)) {
      await client.query('RELEASE SAVEPOINT range');
      return 'done';
    }
  } catch (error) {
    if (!mayBeOfARow(error)) throw error;
    refusal = error;
  }
  await client.query(rollBackTo('range'));
  round.rowIds.length = added;
  round.done = done;
  if (range.from < range.to) return 'split';
  if (refusal === undefined) await leaveHarmful(staging, range.from, round);
  else await leaveRefused(staging, range.from, refusal, round);
  return 'done';
};

/**
 * Adds an inserted range to its round. Returns false if its insert changed or deleted users that
 * the round has not inserted. An insert may change users of earlier ranges: they are compared with
 * the file when the round ends.
 */
const addRange = async (
  staging: Staging,
  { rowIds, done }: Inserted,
  round: Round,
): Promise<boolean> => {
  round.rowIds.push(rowIds);
  round.done = plus(round.done, done);
  if (await leftOthers(staging, [rowIds], done)) return true;
  return round.rowIds.length > 1 && leftOthers(staging, round.rowIds, round.done);
};

/** Removes a user whose insert changes other users from the staging. */
const leaveHarmful = async (
  { client, statements }: Staging,
  n: number,
  round: Round,
): Promise<void> => {
  const { rows } = await client.query<{ userId: string }>(statements.leave, [[n]]);
  for (const { userId } of rows) round.refused.push({ n, userId, reason: 'changesOthers' });
};

/**
 * Removes a user that the database refused from the staging. Another transaction may have created
 * the same user in the meantime.
 */
const leaveRefused = async (
  staging: Staging,
  n: number,
  error: DatabaseError,
  round: Round,
): Promise<void> => {
  const { client, statements } = staging;
  const isThere = isUniqueViolation(error) && (await leavePresent(staging, { from: n, to: n }));
  if (isThere === 1) {
    round.present += 1;
    return;
  }
  const isWaiting =
    error.code === FOREIGN_KEY_VIOLATION && statements.references.includes(error.constraint ?? '');
  const { rows } = await client.query<{ userId: string }>(statements.leave, [[n]]);
  for (const { userId } of rows) {
    round[isWaiting ? 'waiting' : 'refused'].push({ n, userId, reason: reasonOf(error) });
  }
};

/**
 * Rolls back a round in which users waited for each other. Removes the refused users from the
 * staging, and those that depend on them. Then the next round can restore the others together.
 *
 * @returns the removed users
 */
const beginTogether = async (
  staging: Staging,
  { refused, waiting }: Round,
): Promise<NotRestored[]> => {
  const { client, statements } = staging;
  await beginAnew(staging, refused);
  const lost = await findLost(staging);
  // If there are no such users, something else keeps the waiting users out.
  const out = refused.length + lost.length > 0 ? lost : waiting;
  await client.query(statements.leave, [out.map(({ n }) => n)]);
  return [...refused, ...out];
};

/** Rolls a round back, and removes these users from the staging. @returns these users */
const beginAnew = async (
  { client, statements }: Staging,
  out: Round['refused'],
): Promise<NotRestored[]> => {
  await client.query(rollBackTo('round'));
  await client.query(statements.leave, [out.map(({ n }) => n)]);
  return out;
};

/**
 * The users that refer to users that neither exist nor are restored. Other waiting users refer to
 * users in another half.
 */
const findLost = async ({ client, statements }: Staging): Promise<Round['refused']> => {
  const { rows } = await byHash<{ n: number; userId: string; constraint: string }>(
    client,
    statements.lost,
  );
  return rows.map(({ n, userId, constraint }) => ({
    n,
    userId,
    reason: `constraint ${constraint}`,
  }));
};

/** The users that triggers kept out or changed. */
const findDifferences = async ({ client, statements }: Staging): Promise<Round['refused']> => {
  const { rows } = await byHash<Difference>(client, statements.compare);
  return rows.map(({ n, userId, isMissing, differing }) => ({
    n,
    userId,
    reason: isMissing ? 'refused' : `changedOnInsert ${differing}`,
  }));
};
