/**
 * `replace`: users become what the file holds. `update`: only the file's columns change.
 * `updateOnly`: like `update`, but no users are created. `insert`: only new users are created.
 */
export const IMPORT_MODES = ['replace', 'update', 'updateOnly', 'insert'] as const;

export type ImportMode = (typeof IMPORT_MODES)[number];

/** The effect of an empty cell: `clear` makes the value unknown, `keep` leaves it unchanged. */
export const EMPTY_CELLS = ['clear', 'keep'] as const;

/**
 * The effect of an invalid cell: `failLine` fails its line, `skipCell` leaves out the cell only.
 */
export const BAD_CELLS = ['failLine', 'skipCell'] as const;

/** The column by which a line finds its user. */
export const MATCH_KEYS = ['userId', 'email'] as const;

/** For each column name of a file, its property; null leaves the column out. */
export type ColumnMapping = Readonly<Record<string, string | null>>;

export type MatchKey = (typeof MATCH_KEYS)[number];

/** The options of an import, as the job stores them. */
export interface ImportOptions {
  mode: ImportMode;
  /** Adds tags of the file to the user's tags. */
  mergeTags: boolean;
  /** Default: `clear`. */
  emptyCells?: (typeof EMPTY_CELLS)[number] | undefined;
  /** Default: `failLine`. */
  badCells?: (typeof BAD_CELLS)[number] | undefined;
  /** Unmapped columns are for the property of their name. */
  columns?: ColumnMapping | undefined;
  /** The name of the workspace's mapping that `columns` came from, if any. */
  mapping?: string | undefined;
  /** Default: `userId`. */
  matchBy?: MatchKey | undefined;
  /** Reads, checks and counts everything, but writes no users. */
  dryRun: boolean;
  /**
   * Whether the file is guarded against formulas, as exports for spreadsheets are; the guard is
   * then removed. By default, a file counts as guarded if it begins with a byte-order mark, as
   * these exports do.
   */
  spreadsheetSafe?: boolean | undefined;
  /** Sends a mail with the counts at the end of the job. */
  notify: boolean;
}
