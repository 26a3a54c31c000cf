import type { PoolClient } from 'pg';
import type { ImportCounts } from '../../workflows/contracts/jobs.ts';
import { type ImportTarget, makesUsers, mergesTags } from './import-changes.ts';
import type { ImportStatements } from './import-statements.ts';
import { type RepeatedUser, replayLines, type Said } from './import-staging.ts';

/** Number of values that became unknown, by column of the database or `properties.<name>`. */
export type Cleared = Record<string, number>;

/** Number of lines by result, and the values that they cleared. */
export interface Merged extends Pick<
  ImportCounts,
  'imported' | 'merged' | 'unchanged' | 'skipped'
> {
  cleared: Cleared;
}

/** A staged row that was left out because of its user. Its lines are not counted as merged. */
export interface LeftRow {
  n: number;
  why: 'held' | 'unknownUser';
}

/** Rows of the staging table, both ends included. */
export interface Range {
  from: number;
  to: number;
}

/**
 * The result of merging a range. `skipped`: rows left out in mode `insert`, because their users
 * exist; their lines count as merged. `raced`: other transactions removed some of the users, or set
 * them under hold. `notMade`: other transactions created some of the users, or a trigger prevented
 * an insert. `notChanged`: a trigger prevented an update. `overfull`: a user would have too many
 * tags. Except for `merged`, the caller must roll back.
 */
export type RangeResult =
  | { status: 'merged'; merged: Merged; left: LeftRow[]; skipped: number[] }
  | { status: 'raced' | 'notMade' | 'notChanged' | 'overfull' };

/** The state of a merge: an open transaction in which rows are staged. */
export interface Staging {
  client: PoolClient;
  target: ImportTarget;
  statements: ImportStatements;
  /** Number of lines of each row. */
  lineCounts: readonly number[];
}

interface Classified {
  presentLines: number;
  present: number;
  presentRows: string;
  heldRows: number[];
  changing: number;
  changingRows: string;
  isOverfull: boolean;
}

interface Locked {
  locked: number;
  changing: number;
  cleared: Cleared;
}

const NO_STATE: Said = { columns: {}, properties: {} };

/**
 * Merges a range of staged rows into users. First locks existing users that would change, then
 * inserts missing users, both in the order of ids, so that merges do not deadlock. Then updates the
 * locked users. A row equal to its user's values is not written, so the user keeps its stamp. Such
 * a row needs no lock: it counts as merged just before any concurrent change. Users under hold are
 * left out and returned in `left`.
 *
 * No two rows of a range may have the same user.
 */
export const mergeRange = async (staging: Staging, range: Range): Promise<RangeResult> => {
  const { client, statements } = staging;
  const { from, to } = range;
  const found = await one<Classified>(client, statements.classify, [from, to]);
  if (found.isOverfull) return { status: 'overfull' };
  const locked = await lockChanging(staging, found);
  if (locked === undefined) return { status: 'raced' };
  const missing = to - from + 1 - found.present;
  const unknown = makesUsers(staging.target) ? [] : await findMissing(staging, range, found);
  if (missing > unknown.length) {
    const { rowCount } = await client.query(statements.insert, [from, to, found.presentRows]);
    if (rowCount !== missing) return { status: 'notMade' };
  }
  const changedLines = await updateLocked(staging, found, locked.changing);
  if (changedLines === undefined) return { status: 'notChanged' };
  const left = [...found.heldRows.map((n): LeftRow => ({ n, why: 'held' })), ...unknown];
  const lines = {
    all: linesIn(staging, range) - linesOf(staging, left),
    imported: missing - unknown.length,
    cleared: locked.cleared,
    unchanged: found.presentLines - changedLines,
  };
  const skipped = staging.target.mode === 'insert' ? numbersOf(found.presentRows) : [];
  return { status: 'merged', merged: countLines(staging, lines), left, skipped };
};

/**
 * Merges the later lines of users whose first lines were merged before. Lines without a change, and
 * values that lines clear, are counted line by line, as if each line had come in its own chunk.
 */
export const mergeLaterLines = async (
  staging: Staging,
  range: Range,
  repeated: readonly RepeatedUser[],
): Promise<RangeResult> => {
  const { client, target, statements } = staging;
  const states = new Map<number, Said>();
  if (target.canKeep || mergesTags(target)) {
    const { rows } = await client.query<Said & { n: number }>(statements.state, [
      range.from,
      range.to,
    ]);
    for (const { n, columns, properties } of rows) states.set(n, { columns, properties });
  }
  const result = await mergeRange(staging, range);
  if (result.status !== 'merged') return result;
  const left = new Set(result.left.map(({ n }) => n));
  let unchanged = 0;
  const cleared: Cleared = {};
  for (const [index, user] of repeated.entries()) {
    const n = range.from + index;
    if (left.has(n)) continue;
    const replayed = replayLines(user, target, states.get(n) ?? NO_STATE);
    unchanged += replayed.unchanged;
    for (const name of replayed.cleared) cleared[name] = (cleared[name] ?? 0) + 1;
  }
  return { ...result, merged: { ...result.merged, unchanged, cleared } };
};

const one = async <Row extends object>(
  client: PoolClient,
  statement: string,
  values: unknown[],
): Promise<Row> => {
  const { rows } = await client.query<Row>(statement, values);
  const [row] = rows;
  if (row === undefined) throw new Error('an aggregate answers with one row');
  return row;
};

/**
 * Locks the users that would change, and counts those that still would. Undefined if some have been
 * removed or are now under hold.
 */
const lockChanging = async (
  { client, statements }: Staging,
  found: Classified,
): Promise<Locked | undefined> => {
  if (found.changing === 0) return { locked: 0, changing: 0, cleared: {} };
  const locked = await one<Locked>(client, statements.lock, [found.changingRows]);
  return locked.locked < found.changing ? undefined : locked;
};

/** The rows of a range without an existing user. */
const findMissing = async (
  { client, statements }: Staging,
  { from, to }: Range,
  found: Classified,
): Promise<LeftRow[]> => {
  if (to - from + 1 === found.present) return [];
  const values = [from, to, found.presentRows];
  const { rows } = await client.query<{ n: number }>(statements.missing, values);
  return rows.map(({ n }) => ({ n, why: 'unknownUser' }));
};

/**
 * Changes the locked users.
 *
 * @returns the number of their lines; undefined when a trigger prevented an update
 */
const updateLocked = async (
  { client, statements }: Staging,
  found: Classified,
  changing: number,
): Promise<number | undefined> => {
  if (changing === 0) return 0;
  const { updated, lines } = await one<{ updated: number; lines: number }>(
    client,
    statements.update,
    [found.changingRows],
  );
  return updated < changing ? undefined : lines;
};

const linesIn = ({ lineCounts }: Staging, { from, to }: Range): number => {
  let lines = 0;
  for (let n = from; n <= to; n++) lines += lineCounts[n] ?? 0;
  return lines;
};

const linesOf = ({ lineCounts }: Staging, rows: readonly LeftRow[]): number =>
  rows.reduce((lines, { n }) => lines + (lineCounts[n] ?? 0), 0);

/**
 * Parses the text of an array of numbers. Most such arrays are only passed back to PostgreSQL as
 * text.
 */
const numbersOf = (array: string): number[] =>
  array === '{}' ? [] : array.slice(1, -1).split(',').map(Number);

/**
 * Counts lines. All lines of existing users count as merged; so do the lines of a new user after
 * the first.
 */
const countLines = (
  { target }: Staging,
  { all, ...lines }: { all: number } & Pick<Merged, 'imported' | 'unchanged' | 'cleared'>,
): Merged => {
  const others = all - lines.imported;
  if (target.mode === 'insert') return { ...lines, merged: 0, unchanged: 0, skipped: others };
  return { ...lines, merged: others, skipped: 0 };
};
