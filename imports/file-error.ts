/** Why a file cannot be read to its end; the job that was to import it fails with it. */
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
 * A file that cannot be read to its end, whatever its lines say. The message says what to do and
 * holds nothing of the file's content.
 */
export class ImportFileError extends Error {
  readonly type: FileErrorType;
  /** Number of the line in the file, from 1, of which it is known to be wrong. */
  readonly line: number;

  /** The message without the line. */
  readonly detail: string;

  constructor(type: FileErrorType, line: number, detail: string) {
    super(`Line ${line}: ${detail}`);
    this.name = 'ImportFileError';
    this.type = type;
    this.line = line;
    this.detail = detail;
  }
}
