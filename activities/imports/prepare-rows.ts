import { PREVIEW_TABLE } from '../../db/imports/import-preview.ts';
import { type ImportTarget, mergesTags } from '../../db/imports/import-changes.ts';
import {
  copyPieces,
  joinLines,
  mayBeOverfull,
  type RepeatedUser,
  sortLines,
  type StagedRow,
} from '../../db/imports/import-staging.ts';
import type { ImportOptions } from '../../imports/options.ts';
import type { ImportRow } from '../../imports/read-chunks.ts';
import { CHANGEABLE_COLUMNS } from '../../rules/changeable-properties.ts';

/** The facts of an import that decide how its rows are staged. */
export interface RowsJob {
  workspaceId: string;
  options: ImportOptions;
}

/** The staged rows of a chunk. */
export interface Prepared {
  target: ImportTarget;
  rows: StagedRow[];
  /** How many of them are merged before the later lines of the same users. */
  firstCount: number;
  /** The users of the later lines, in the order of their rows. */
  repeated: RepeatedUser[];
  /** The number of the first line of each row. */
  firstLines: number[];
  /** The number of lines of each row. */
  lineCounts: number[];
  /** Whether lines may give a user too many tags. Then these lines must be found first. */
  mayBeOverfull: boolean;
  pieces: Buffer[];
}

type Emptied = ImportTarget['emptied'];

/**
 * @returns undefined when there are no rows; if `isCareful`, rows of one line each, in the order of
 *   ids
 */
export const prepareRows = (
  job: RowsJob,
  given: readonly ImportRow[],
  isCareful: boolean,
): Prepared | undefined => {
  const [row] = given;
  if (row === undefined) return undefined;
  const target = targetOf(job, row, given);
  const { first, later, repeated } = isCareful
    ? { first: sortLines(given, target), later: [], repeated: [] }
    : joinLines(given, target);
  const rows = later.length === 0 ? first : [...first, ...later];
  return {
    target,
    rows,
    firstCount: first.length,
    repeated,
    firstLines: rows.map(({ lines }) => lines[0]?.line ?? 0),
    lineCounts: rows.map(({ lines }) => lines.length),
    mayBeOverfull: later.some((staged) => mayBeOverfull(staged, target)),
    pieces: copyPieces(rows, target),
  };
};

const targetOf = (
  { workspaceId, options }: RowsJob,
  row: ImportRow,
  rows: readonly ImportRow[],
): ImportTarget => {
  const target = {
    workspaceId,
    mode: options.mode,
    mergeTags: options.mergeTags,
    matchBy: options.matchBy ?? 'userId',
    canKeep: options.emptyCells === 'keep' || options.badCells === 'skipCell',
    columns: Object.keys(row.columns),
    properties: Object.keys(row.properties),
    ...(options.dryRun && { table: PREVIEW_TABLE }),
  };
  return { ...target, emptied: emptiedBy(rows, target) };
};

/** The columns that become null in at least one row. */
const emptiedBy = (rows: readonly ImportRow[], target: Omit<ImportTarget, 'emptied'>): Emptied => {
  const { mode, matchBy } = target;
  if (mode === 'insert') return { columns: [], properties: [] };
  const columns = target.columns.filter(
    (name) =>
      !(name === 'tags' && mergesTags(target)) && rows.some((row) => row.columns[name] === null),
  );
  if (mode !== 'replace') {
    const isEmptied = (name: string) => rows.some(({ properties }) => properties[name] === null);
    return { columns, properties: target.properties.filter(isEmptied) };
  }
  const others = CHANGEABLE_COLUMNS.filter(
    (name) => !target.columns.includes(name) && (matchBy !== 'email' || name !== 'email'),
  );
  return { columns: [...columns, ...others], properties: 'all' };
};
