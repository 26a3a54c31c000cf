import type { DatabaseError } from 'pg';
import {
  type LeftRow,
  type Merged,
  mergeRange,
  type Range,
  type RangeResult,
  type Staging,
} from '../../db/imports/import-merge.ts';
import type { StagedRow } from '../../db/imports/import-staging.ts';
import { isOfARow, KEPT_BACK, rowRefusalOf } from '../../db/connections/sql-states.ts';
import { type FailedLine, type Failure, wholeLine } from '../../imports/log/failed-lines.ts';
import {
  type CarefulStaging,
  failRow,
  findTagLimits,
  OVERFULL,
  type TagLimit,
} from './overfull-lines.ts';

/** The result of the valid lines of a chunk. */
export interface ChunkOutcome extends Merged {
  rejected: FailedLine[];
  /** In mode `insert`, the lines that created a user. */
  made: Set<number>;
}

/** The result of a range; a refused range was rolled back. */
type Tried = RangeResult | { status: 'refused'; error: DatabaseError };

/**
 * A savepoint remains after a rollback to it. Without the release, the next savepoint of this name
 * would be nested in it.
 */
const ROLL_BACK = 'ROLLBACK TO SAVEPOINT range; RELEASE SAVEPOINT range';

/** The failures of lines that were left out because of their user. */
export const LEFT: Readonly<Record<LeftRow['why'], Failure>> = {
  held: wholeLine('held', 'the user is under legal hold'),
  unknownUser: wholeLine('unknownUser', 'the user does not exist, and this mode creates no users'),
};

/** The result of a chunk without lines. */
export const nothing = (): ChunkOutcome => ({
  imported: 0,
  merged: 0,
  unchanged: 0,
  skipped: 0,
  cleared: {},
  rejected: [],
  made: new Set(),
});

/** Adds the lines of a range that created users. */
export const addMade = (
  made: Set<number>,
  firstLines: readonly number[],
  { from, to }: Range,
  skipped: readonly number[],
): void => {
  const others = new Set(skipped);
  for (let n = from; n <= to; n++) if (!others.has(n)) made.add(firstLines[n] ?? 0);
};

export const failLeft = (rows: readonly StagedRow[], left: readonly LeftRow[]): FailedLine[] =>
  left.flatMap(({ n, why }) => {
    const row = rows[n];
    return row === undefined ? [] : failRow(row, LEFT[why]);
  });

export const addMerged = (outcome: Merged, merged: Merged): void => {
  outcome.imported += merged.imported;
  outcome.merged += merged.merged;
  outcome.unchanged += merged.unchanged;
  outcome.skipped += merged.skipped;
  for (const [name, count] of Object.entries(merged.cleared)) {
    outcome.cleared[name] = (outcome.cleared[name] ?? 0) + count;
  }
};

/**
 * Merges rows of one line each, in the order of ids. A range that cannot be merged is rolled back
 * and split in half, until each failing line stands alone. All existing users are locked first, so
 * that two merges do not deadlock over users created in between.
 *
 * @returns undefined when other transactions changed the users; then everything must be rolled back
 */
export const mergeCarefully = async (
  staging: CarefulStaging,
): Promise<ChunkOutcome | undefined> => {
  const { client, statements, rows } = staging;
  await client.query('CREATE INDEX IF NOT EXISTS import_staging_n ON pg_temp.import_staging (n)');
  await client.query(statements.lockAll);
  const outcome = nothing();
  const ranges: Range[] = [{ from: 0, to: rows.length - 1 }];
  /**
   * A user that has no room for the tags of a line. Until a line succeeds, the next lines of the
   * user are checked against this limit first.
   */
  let full: { userId: string; limit: TagLimit | undefined } | undefined;
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const { from, to } = range;
    const row = rows[from];
    if (row === undefined) return undefined;
    if (from === to && full?.userId === row.userId && full.limit?.refuses(row) === true) {
      outcome.rejected.push(...failRow(row, OVERFULL));
      continue;
    }
    const tried = hasRepeated(staging, range) ? undefined : await tryRange(staging, range);
    if (tried?.status === 'merged') {
      addMerged(outcome, tried.merged);
      addMade(outcome.made, staging.firstLines, range, tried.skipped);
      outcome.rejected.push(...failLeft(rows, tried.left));
      full = undefined;
    } else if (from < to) {
      const middle = Math.floor((from + to) / 2);
      // `pop` takes the first half next.
      ranges.push({ from: middle + 1, to }, { from, to: middle });
    } else {
      const failure = tried && (await failureOf(staging, from, tried));
      if (failure === undefined) return undefined;
      outcome.rejected.push(...failRow(row, failure));
      if (failure !== OVERFULL || full?.userId === row.userId) continue;
      full = { userId: row.userId, limit: (await findTagLimits(staging, [from])).get(from) };
    }
  }
  return outcome;
};

const hasRepeated = ({ rows }: CarefulStaging, { from, to }: Range): boolean => {
  for (let n = from; n < to; n++) if (rows[n]?.userId === rows[n + 1]?.userId) return true;
  return false;
};

const tryRange = async (staging: Staging, range: Range): Promise<Tried> => {
  const { client } = staging;
  await client.query('SAVEPOINT range');
  try {
    const result = await mergeRange(staging, range);
    await client.query(result.status === 'merged' ? 'RELEASE SAVEPOINT range' : ROLL_BACK);
    return result;
  } catch (error) {
    if (!isOfARow(error)) throw error;
    await client.query(ROLL_BACK);
    return { status: 'refused', error };
  }
};

/** Why a single line failed. Undefined if another transaction changed its user in the meantime. */
const failureOf = async (
  { client, statements }: Staging,
  n: number,
  tried: Exclude<Tried, { status: 'merged' }>,
): Promise<Failure | undefined> => {
  switch (tried.status) {
    case 'refused':
      return wholeLine('rejected', rowRefusalOf(tried.error));
    case 'overfull':
      return OVERFULL;
    case 'notMade':
      if ((await client.query(statements.find, [n])).rowCount !== 0) return undefined;
      return wholeLine('rejected', KEPT_BACK);
    case 'notChanged':
      return wholeLine('rejected', KEPT_BACK);
    case 'raced':
      return undefined;
  }
};
