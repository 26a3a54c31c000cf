/** `replace` makes users what the file says, `update` changes the file's columns, `insert` only adds users. */
export const IMPORT_MODES = ['replace', 'update', 'insert'] as const;

export type ImportMode = (typeof IMPORT_MODES)[number];

/** What a request says of its file, as the job keeps it. */
export interface ImportOptions {
  mode: ImportMode;
  /** Tags of the file are added to those a user has. */
  mergeTags: boolean;
  /** Everything is read, checked and counted; no user is written. */
  dryRun: boolean;
  /**
   * Whether the file is guarded against formulas, as exports for spreadsheets are; then the guard is taken
   * off. When left out, a file is guarded if it begins with a byte-order mark, as these exports do.
   */
  spreadsheetSafe?: boolean;
  /** Mails the counts once it is done. */
  notify: boolean;
}
