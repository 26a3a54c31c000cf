/**
 * Why a file cannot be read to its end. The job that imports the file fails with this error type.
 */
export const FILE_ERRORS = [
  'empty',
  'invalidCsv',
  'invalidGzip',
  'invalidHeader',
  'notCsv',
  'notUtf8',
  'recordTooLong',
  'tooLarge',
  'tooManyRows',
] as const;

export type FileErrorType = (typeof FILE_ERRORS)[number];

/**
 * A file that cannot be read to its end, whatever its lines hold. The message states what to do,
 * and holds nothing of the file's content.
 */
export class ImportFileError extends Error {
  readonly type: FileErrorType;
  /** Line number of the error in the file, from 1. */
  readonly line: number;

  /** The message without the line number. */
  readonly detail: string;

  constructor(type: FileErrorType, line: number, detail: string) {
    super(`Line ${line}: ${detail}`);
    this.name = 'ImportFileError';
    this.type = type;
    this.line = line;
    this.detail = detail;
  }
}

/** @param what the limit and what it counts, such as `5000000 lines` */
export const tooManyRows = (line: number, what: string): ImportFileError =>
  new ImportFileError('tooManyRows', line, `there are more than ${what}. Split the file.`);
