import type { DatabaseError, PoolClient, QueryResult } from 'pg';
import type { Difference, RestoreStatements } from '../../db/restores/restore-statements.ts';
import { isOfARow, mayBeOfARow, reasonOf } from '../../db/connections/sql-states.ts';
import { DO_ALL_NOW, RENEW_RESTORE } from './restore-settings.ts';
import { byHalves, type Range, type Tried } from './by-halves.ts';

/** A user that the database does not take back, and why. */
export interface NotRestored {
  userId: string;
  reason: string;
}

const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';
/** A range that holds no row. */
const NO_ROWS: Range = { from: 0, to: 0 };

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

/** Lets no join look rows up one by one: how many there are the planner cannot know. */
const byHash = async <Row extends object>(
  client: PoolClient,
  statement: string,
  values: unknown[] = [],
): Promise<QueryResult<Row>> => {
  await client.query('SET LOCAL enable_nestloop = off');
  const result = await client.query<Row>(statement, values);
  await client.query('SET LOCAL enable_nestloop = on');
  return result;
};

/**
 * What triggers have put off is done, and what they have set is taken back. A rehearsal has no end
 * to put anything off to.
 *
 * @returns the places of the inserted rows
 */
const insertRange = async (
  { client, statements, jobId }: Staging,
  { from, to }: Range,
): Promise<string> => {
  const { rows } = await client.query<{ places: string }>(statements.insert, [from, to]);
  await client.query((jobId === undefined ? '' : DO_ALL_NOW) + RENEW_RESTORE);
  return rows[0]?.places ?? '{}';
};

/**
 * A query of its own: triggers that run after the statement may have changed rows, or moved them.
 */
const areSame = async (
  { client, statements }: Staging,
  places: readonly string[],
): Promise<boolean> => {
  const { rows } = await byHash<{ areSame: boolean }>(client, statements.areSame, [places]);
  return rows[0]?.areSame ?? false;
};

/**
 * Inserts all staged rows as they are in the file. False when not all of them came back that way;
 * then the transaction must be rolled back.
 */
export const insertWhole = async (staging: Staging): Promise<boolean> =>
  areSame(staging, [await insertRange(staging, { from: 1, to: staging.rows })]);

/** Takes out the users that are there already, as looked up now. @returns how many */
const leavePresent = async (
  { client, statements, jobId }: Staging,
  { from, to }: Range,
): Promise<number> => {
  if (jobId === undefined) return 0;
  const values = [from, to, jobId];
  // One user is found by the primary key; to read all others for each would take hours.
  const { rowCount } =
    from === to
      ? await client.query(statements.leavePresent, values)
      : await byHash(client, statements.leavePresent, values);
  return rowCount ?? 0;
};

/** What became of one round over the staged rows. */
interface Round {
  places: string[];
  present: number;
  refused: (NotRestored & { n: number })[];
  /** Users who refer to others that were not there: those may come back with them. */
  waiting: (NotRestored & { n: number })[];
}

/** Rolled back to, a savepoint is still there, and the next one of its name would lie within it. */
const rollBackTo = (savepoint: string): string =>
  `ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`;

/** One user whom the database refuses: somebody may have added them a moment ago. */
const leaveRefused = async (
  staging: Staging,
  n: number,
  error: DatabaseError,
  round: Round,
): Promise<void> => {
  const { client, statements } = staging;
  const isThere =
    error.code === UNIQUE_VIOLATION && (await leavePresent(staging, { from: n, to: n }));
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

const tryRange = async (staging: Staging, range: Range, round: Round): Promise<Tried> => {
  const { client } = staging;
  await client.query('SAVEPOINT range');
  try {
    round.places.push(await insertRange(staging, range));
    await client.query('RELEASE SAVEPOINT range');
    return 'done';
  } catch (error) {
    if (!mayBeOfARow(error)) throw error;
    await client.query(rollBackTo('range'));
    if (range.from < range.to) return 'split';
    await leaveRefused(staging, range.from, error, round);
    return 'done';
  }
};

/**
 * Those who refer to users that are not there, and do not come back either. Of the others who wait,
 * those they refer to were in another half.
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

/** Those that triggers kept out or changed. */
const findDifferences = async ({ client, statements }: Staging): Promise<Round['refused']> => {
  const { rows } = await byHash<Difference>(client, statements.compare);
  return rows.map(({ n, userId, isMissing, differing }) => ({
    n,
    userId,
    reason: isMissing ? 'refused' : `changedOnInsert ${differing}`,
  }));
};

/**
 * What is wrong with the statement itself, or a right that is missing, shows without any row.
 *
 * @throws that error; not what a trigger of the statement raises, which is told for each user
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

/** Takes a round back, and leaves these users out of the next one. @returns them */
const beginAnew = async (
  { client, statements }: Staging,
  out: Round['refused'],
): Promise<NotRestored[]> => {
  await client.query(rollBackTo('round'));
  await client.query(statements.leave, [out.map(({ n }) => n)]);
  return out;
};

/**
 * Takes a round back in which users waited for one another, and leaves out of the next one whoever
 * is refused for themselves, and whoever needs those. Then the others come back together. @returns
 * who is left out
 */
const beginTogether = async (
  staging: Staging,
  { refused, waiting }: Round,
): Promise<NotRestored[]> => {
  const { client, statements } = staging;
  await beginAnew(staging, refused);
  const lost = await findLost(staging);
  // Without either, something else keeps them from coming back.
  const out = refused.length + lost.length > 0 ? lost : waiting;
  await client.query(statements.leave, [out.map(({ n }) => n)]);
  return [...refused, ...out];
};

/**
 * Inserts the staged rows that the database takes back as they are in the file, by halves. A user
 * that is there already, that the database refuses, or that a trigger changes or keeps out, is
 * taken out of the staging and keeps no other out. What triggers do is seen once all are in, so a
 * round that shows any of it is rolled back, and the next one does without those users.
 */
export const insertCarefully = async (staging: Staging, signal: AbortSignal): Promise<LeftOut> => {
  const { client, statements, rows } = staging;
  const whole = { from: 1, to: rows };
  await client.query(statements.index);
  await insertNobody(staging);
  const present = await leavePresent(staging, whole);
  const left: NotRestored[] = [];
  for (;;) {
    const round: Round = { places: [], present: 0, refused: [], waiting: [] };
    await client.query('SAVEPOINT round');
    await byHalves(whole, signal, (range) => tryRange(staging, range, round));
    if (round.waiting.length > 0) {
      left.push(...(await beginTogether(staging, round)));
      continue;
    }
    // By their places first: a trigger may have moved users without changing them.
    const differences = (await areSame(staging, round.places))
      ? []
      : await findDifferences(staging);
    if (differences.length === 0) {
      return { present: present + round.present, notRestored: [...left, ...round.refused] };
    }
    left.push(...(await beginAnew(staging, [...round.refused, ...differences])));
  }
};
