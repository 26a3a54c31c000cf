/**
 * `replace` makes users what the file says, `update` changes the file's columns, `updateOnly` does
 * so and adds nobody, `insert` only adds users.
 */
export const IMPORT_MODES = ['replace', 'update', 'updateOnly', 'insert'] as const;

export type ImportMode = (typeof IMPORT_MODES)[number];

/** What an empty cell does: makes the value unknown, or leaves it as it is. */
export const EMPTY_CELLS = ['clear', 'keep'] as const;

/** What a cell does that cannot be used: fails its line, or is left out of it. */
export const BAD_CELLS = ['failLine', 'skipCell'] as const;

/** By what a line finds its user. */
export const MATCH_KEYS = ['userId', 'email'] as const;

/** For names of a file's columns, the property that each is for; null leaves a column out. */
export type ColumnMapping = Readonly<Record<string, string | null>>;

export type MatchKey = (typeof MATCH_KEYS)[number];

/** What a request says of its file, as the job keeps it. */
export interface ImportOptions {
  mode: ImportMode;
  /** Tags of the file are added to those a user has. */
  mergeTags: boolean;
  /** `clear` when left out. */
  emptyCells?: (typeof EMPTY_CELLS)[number] | undefined;
  /** `failLine` when left out. */
  badCells?: (typeof BAD_CELLS)[number] | undefined;
  /** Columns that are not named stand for the property of their name. */
  columns?: ColumnMapping | undefined;
  /** Under which name the workspace keeps `columns`, where it was named. */
  mapping?: string | undefined;
  /** `userId` when left out. */
  matchBy?: MatchKey | undefined;
  /** Everything is read, checked and counted; no user is written. */
  dryRun: boolean;
  /**
   * Whether the file is guarded against formulas, as exports for spreadsheets are; then the guard
   * is taken off. When left out, a file is guarded if it begins with a byte-order mark, as these
   * exports do.
   */
  spreadsheetSafe?: boolean | undefined;
  /** Mails the counts once it is done. */
  notify: boolean;
}
