import type { Readable } from 'node:stream';

/** First and last byte, both included. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Where files live. Keys are relative, `/`-separated; a file appears whole or not at all. */
export interface Storage {
  /**
   * Resolves once the bytes are durable. @throws StorageError when they are not; nothing is left
   * then
   */
  put: (key: string, content: Readable) => Promise<void>;
  /** @throws StorageError of kind `missing` when there is no such file */
  get: (key: string, range?: ByteRange) => Promise<Readable>;
  /**
   * Resolves once every file below a prefix is durably gone; a prefix that is not there is no
   * error.
   */
  remove: (prefix: string) => Promise<void>;
  /** Keys of every file below a prefix, sorted. */
  list: (prefix: string) => Promise<string[]>;
  /**
   * Writes a few bytes and takes them away again. @throws StorageError when nothing can be written
   * now
   */
  check: () => Promise<void>;
  /**
   * Room for more, in bytes; undefined where that is not known. @throws StorageError when it cannot
   * be asked
   */
  freeBytes: () => Promise<number | undefined>;
}

export type StorageProblem = 'full' | 'unwritable' | 'missing' | 'broken';

const problemOf = (cause: unknown): StorageProblem => {
  switch ((cause as NodeJS.ErrnoException).code ?? '') {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return 'full';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
      return 'unwritable';
    case 'ENOENT':
      return 'missing';
    default:
      return 'broken';
  }
};

/** A file that could not be stored or read. */
export class StorageError extends Error {
  readonly problem: StorageProblem;

  constructor(key: string, cause: unknown, problem: StorageProblem = problemOf(cause)) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    super(`storage ${problem} at ${key} (${code})`, { cause });
    this.name = 'StorageError';
    this.problem = problem;
  }
}

/**
 * What was to be written cannot be missing: its folder was swept meanwhile, and another try may do.
 */
export const putError = (key: string, cause: unknown): StorageError => {
  const error = new StorageError(key, cause);
  return error.problem === 'missing' ? new StorageError(key, cause, 'broken') : error;
};
