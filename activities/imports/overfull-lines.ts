import { makesUsers } from '../../db/imports/import-changes.ts';
import type { Staging } from '../../db/imports/import-merge.ts';
import { type StagedRow, tagsOf } from '../../db/imports/import-staging.ts';
import type { FailedLine, Failure } from '../../imports/log/failed-lines.ts';
import type { ImportRow } from '../../imports/read-chunks.ts';
import { MAX_LIST_ITEMS } from '../../selection/values.ts';

/** Rows of one line each, in the order of ids. */
export interface CarefulStaging extends Staging {
  rows: readonly StagedRow[];
  /** The line number of each row. */
  firstLines: readonly number[];
}

/** The failure of a line that would give a user too many tags. */
export const OVERFULL: Failure = {
  code: 'invalidDataType',
  message: `the tags of the line and of the user together are more than ${MAX_LIST_ITEMS}`,
  problems: [{ column: 'tags', rule: 'tooManyTags' }],
};

export type TagLimit = ReturnType<typeof createTagLimit>;

/** The failed lines of a row. */
export const failRow = ({ lines }: StagedRow, why: Failure): FailedLine[] =>
  lines.map(({ line, payload }) => ({ line, payload: payload(), ...why }));

/**
 * The tag limits of the users of some rows, by row number. There is none for a held user, or for a
 * missing user that is not created.
 */
export const findTagLimits = async (
  { client, statements, target }: Staging,
  numbers: readonly number[],
): Promise<Map<number, TagLimit>> => {
  const { rows } = await client.query<{ n: number; tags: string[]; held: boolean }>(
    statements.tags,
    [numbers],
  );
  const there = new Map(rows.map((row) => [row.n, row]));
  const limits = new Map<number, TagLimit>();
  for (const n of numbers) {
    const { tags = [], held = !makesUsers(target) } = there.get(n) ?? {};
    if (!held) limits.set(n, createTagLimit(tags));
  }
  return limits;
};

/**
 * Finds the lines that would give users too many tags if all others are imported, and leaves them
 * out. Existing users are locked first, so that the result holds until the other lines are merged.
 */
export const leaveOutOverfull = async (
  staging: CarefulStaging,
): Promise<{ rest: ImportRow[]; overfull: FailedLine[] }> => {
  const { client, statements, rows } = staging;
  await client.query(statements.lockAll);
  const isFirst = ({ userId }: StagedRow, n: number): boolean => rows[n - 1]?.userId !== userId;
  const firsts = [...rows.entries()].flatMap(([n, row]) => (isFirst(row, n) ? [n] : []));
  const limits = await findTagLimits(staging, firsts);
  const rest: ImportRow[] = [];
  const overfull: FailedLine[] = [];
  let limit: TagLimit | undefined;
  for (const [n, row] of rows.entries()) {
    if (isFirst(row, n)) limit = limits.get(n);
    if (limit === undefined || limit.add(row)) rest.push(...row.lines);
    else overfull.push(...failRow(row, OVERFULL));
  }
  return { rest, overfull };
};

/** Counts the tags of a user while lines add theirs. */
const createTagLimit = (there: readonly string[]) => {
  const known = new Set(there);
  let count = there.length;
  const freshOf = (row: StagedRow): string[] =>
    (tagsOf(row) ?? []).filter((tag) => !known.has(tag));
  const isOver = (fresh: readonly string[]): boolean =>
    fresh.length > 0 && count + fresh.length > MAX_LIST_ITEMS;
  return {
    refuses: (row: StagedRow): boolean => isOver(freshOf(row)),
    /** @returns whether there was room for the tags of the line */
    add: (row: StagedRow): boolean => {
      const fresh = freshOf(row);
      if (isOver(fresh)) return false;
      for (const tag of fresh) known.add(tag);
      count += fresh.length;
      return true;
    },
  };
};
