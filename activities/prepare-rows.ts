import { PREVIEW_TABLE } from '../db/import-preview.ts';
import type { ImportTarget } from '../db/import-statements.ts';
import {
  copyPieces,
  joinLines,
  type RepeatedUser,
  sortLines,
  type StagedRow,
} from '../db/import-staging.ts';
import type { ImportRow } from '../imports/read-chunks.ts';
import type { ImportJob } from './check-import.ts';

/** What of an import decides how its rows are put together. */
export type RowsJob = Pick<ImportJob, 'workspaceId' | 'options'>;

/** Rows of a chunk as they are staged. */
export interface Prepared {
  target: ImportTarget;
  rows: StagedRow[];
  /** How many of them are merged before the later lines of the same users. */
  firstCount: number;
  /** The users of these later lines, in the order of their rows. */
  repeated: RepeatedUser[];
  /** Of how many lines each row is made. */
  lineCounts: number[];
  pieces: Buffer[];
}

const targetOf = ({ workspaceId, options }: RowsJob, row: ImportRow): ImportTarget => ({
  workspaceId,
  mode: options.mode,
  mergeTags: options.mergeTags,
  columns: Object.keys(row.columns),
  properties: Object.keys(row.properties),
  ...(options.dryRun && { table: PREVIEW_TABLE }),
});

/** @returns none when there are no rows; where `isCareful`, rows of one line each, in the order of ids */
export const prepareRows = (
  job: RowsJob,
  given: readonly ImportRow[],
  isCareful: boolean,
): Prepared | undefined => {
  const [row] = given;
  if (row === undefined) return undefined;
  const target = targetOf(job, row);
  const { first, later, repeated } = isCareful
    ? { first: sortLines(given, target), later: [], repeated: [] }
    : joinLines(given, target);
  const rows = later.length === 0 ? first : [...first, ...later];
  return {
    target,
    rows,
    firstCount: first.length,
    repeated,
    lineCounts: rows.map(({ lines }) => lines.length),
    pieces: copyPieces(rows, target),
  };
};
