import type { PoolClient } from 'pg';
import type { ImportCounts } from '../workflows/contract.ts';
import { type ImportStatements, type ImportTarget, mergesTags } from './import-statements.ts';
import { countUnchanged, type RepeatedUser } from './import-staging.ts';

export type Merged = Pick<ImportCounts, 'imported' | 'merged' | 'unchanged' | 'skipped'>;

/** A staged row that was left out for its user's sake; its lines are not among the merged. */
export interface LeftRow {
  n: number;
  why: 'held';
}

/** Rows of the staging table, the last one included. */
export interface Range {
  from: number;
  to: number;
}

/**
 * `raced`: others removed some of the users meanwhile, or set them under hold. `notMade`: others made some of them, or a trigger
 * keeps some back. `notChanged`: a trigger does. `overfull`: a user would have too many tags. But for
 * `merged`, what was written is to be rolled back.
 */
export type RangeResult =
  | { status: 'merged'; merged: Merged; left: LeftRow[] }
  | { status: 'raced' | 'notMade' | 'notChanged' | 'overfull' };

/** What a merge works with: an open transaction in which rows are staged. */
export interface Staging {
  client: PoolClient;
  target: ImportTarget;
  statements: ImportStatements;
  /** Of how many lines each row is made. */
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

const linesIn = ({ lineCounts }: Staging, { from, to }: Range): number => {
  let lines = 0;
  for (let n = from; n <= to; n++) lines += lineCounts[n] ?? 0;
  return lines;
};

const linesOf = ({ lineCounts }: Staging, rows: readonly LeftRow[]): number =>
  rows.reduce((lines, { n }) => lines + (lineCounts[n] ?? 0), 0);

/** How lines count: of those about users who are there, all, and of a new user's all but the first. */
const countLines = (
  { target }: Staging,
  lines: { all: number; imported: number; unchanged: number },
): Merged => {
  const others = lines.all - lines.imported;
  const { imported, unchanged } = lines;
  if (target.mode === 'insert') return { imported, merged: 0, unchanged: 0, skipped: others };
  return { imported, merged: others, unchanged, skipped: 0 };
};

/** How many of those who would change still would once they are locked; none when some are gone or held. */
const lockChanging = async (
  { client, statements }: Staging,
  found: Classified,
): Promise<number | undefined> => {
  if (found.changing === 0) return 0;
  const { locked, changing } = await one<{ locked: number; changing: number }>(
    client,
    statements.lock,
    [found.changingRows],
  );
  return locked < found.changing ? undefined : changing;
};

/** Changes so many locked users. @returns of how many lines; none when a trigger kept some back */
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

/**
 * Merges a range of staged rows into users. Who is there is locked if they would change, then who is
 * missing is made, both in the order of ids, so that merges do not deadlock; then the locked ones are
 * changed. A row that says what is there already is not written: it keeps its stamp, and needs no lock,
 * for it is as if it had come just before whatever happens to the user at the same time. Who is under hold
 * is left out, and told.
 *
 * No row of a range may be about the same user as another.
 */
export const mergeRange = async (staging: Staging, range: Range): Promise<RangeResult> => {
  const { client, statements } = staging;
  const { from, to } = range;
  const found = await one<Classified>(client, statements.classify, [from, to]);
  if (found.isOverfull) return { status: 'overfull' };
  const changing = await lockChanging(staging, found);
  if (changing === undefined) return { status: 'raced' };
  const missing = to - from + 1 - found.present;
  if (missing > 0) {
    const { rowCount } = await client.query(statements.insert, [from, to, found.presentRows]);
    if (rowCount !== missing) return { status: 'notMade' };
  }
  const changedLines = await updateLocked(staging, found, changing);
  if (changedLines === undefined) return { status: 'notChanged' };
  const left = found.heldRows.map((n): LeftRow => ({ n, why: 'held' }));
  const lines = {
    all: linesIn(staging, range) - linesOf(staging, left),
    imported: missing,
    unchanged: found.presentLines - changedLines,
  };
  return { status: 'merged', merged: countLines(staging, lines), left };
};

/**
 * Merges the later lines of users whose first lines were merged before. Lines that change nothing are
 * counted one by one, as if each had come in a chunk of its own.
 */
export const mergeLaterLines = async (
  staging: Staging,
  range: Range,
  repeated: readonly RepeatedUser[],
): Promise<RangeResult> => {
  const { client, target, statements } = staging;
  const tagsOf = new Map<string, string[] | null>();
  if (mergesTags(target)) {
    const { rows } = await client.query<{ userId: string; tags: string[] | null }>(
      statements.tags,
      [range.from, range.to],
    );
    for (const { userId, tags } of rows) tagsOf.set(userId, tags);
  }
  const result = await mergeRange(staging, range);
  if (result.status !== 'merged') return result;
  const left = new Set(result.left.map(({ n }) => n));
  let unchanged = 0;
  for (const [index, user] of repeated.entries()) {
    if (left.has(range.from + index)) continue;
    unchanged += countUnchanged(user, target, tagsOf.get(user.userId) ?? []);
  }
  return { ...result, merged: { ...result.merged, unchanged } };
};
