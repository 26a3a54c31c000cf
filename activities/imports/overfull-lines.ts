import { makesUsers } from '../../db/imports/import-changes.ts';
import type { Staging } from '../../db/imports/import-merge.ts';
import { type StagedRow, tagsOf } from '../../db/imports/import-staging.ts';
import type { FailedLine, Failure } from '../../imports/log/failed-lines.ts';
import type { ImportRow } from '../../imports/read-chunks.ts';
import { MAX_LIST_ITEMS } from '../../selection/values.ts';

/** Rows that are one line each, in the order of ids. */
export interface CarefulStaging extends Staging {
  rows: readonly StagedRow[];
  /** Number of the line that each is. */
  firstLines: readonly number[];
}

/** Why a line failed by which a user would have too many tags. */
export const OVERFULL: Failure = {
  code: 'invalidDataType',
  message: `the tags of the line and of the user together are more than ${MAX_LIST_ITEMS}`,
  problems: [{ column: 'tags', rule: 'tooManyTags' }],
};

/** What fails with lines that are one row. */
export const failRow = ({ lines }: StagedRow, why: Failure): FailedLine[] =>
  lines.map(({ line, payload }) => ({ line, payload: payload(), ...why }));

/** The tags of a user, to which lines add theirs. */
const createTagLimit = (there: readonly string[]) => {
  const known = new Set(there);
  let count = there.length;
  const freshOf = (row: StagedRow): string[] =>
    (tagsOf(row) ?? []).filter((tag) => !known.has(tag));
  const isOver = (fresh: readonly string[]): boolean =>
    fresh.length > 0 && count + fresh.length > MAX_LIST_ITEMS;
  return {
    refuses: (row: StagedRow): boolean => isOver(freshOf(row)),
    /** @returns whether the tags of the line could be added */
    add: (row: StagedRow): boolean => {
      const fresh = freshOf(row);
      if (isOver(fresh)) return false;
      for (const tag of fresh) known.add(tag);
      count += fresh.length;
      return true;
    },
  };
};

export type TagLimit = ReturnType<typeof createTagLimit>;

/**
 * The tags that users of some rows have, by the number of the row; none of a user who is not there,
 * or held.
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
 * Finds the lines by which users would have too many tags, if all others are taken, and leaves them
 * out. Whoever is there is locked first, so that what is found holds until the others are merged.
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
