import type { Readable } from 'node:stream';

/** First and last byte, both inclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * A store of files. Keys are relative and separated by `/`. A file appears completely or not at
 * all.
 */
export interface Storage {
  /**
   * Resolves once the bytes are durable.
   *
   * @throws StorageError when they are not durable; no file is left then; an error of `content` is
   *   thrown unchanged
   */
  put: (key: string, content: Readable) => Promise<void>;
  /** @throws StorageError with problem `missing` when there is no such file */
  get: (key: string, range?: ByteRange) => Promise<Readable>;
  /**
   * Resolves once every file below a prefix is durably deleted. A prefix without files is not an
   * error.
   *
   * @throws StorageError when a file cannot be deleted
   */
  remove: (prefix: string) => Promise<void>;
  /** Keys of every file below a prefix, sorted. */
  list: (prefix: string) => Promise<string[]>;
  /**
   * Writes a few bytes and deletes them.
   *
   * @throws StorageError when no file can be written now
   */
  check: () => Promise<void>;
  /**
   * Free space in bytes; undefined if it is not known.
   *
   * @throws StorageError when it cannot be read
   */
  freeBytes: () => Promise<number | undefined>;
}

export type StorageProblem = 'full' | 'unwritable' | 'missing' | 'broken';

/** A file could not be stored, read, listed or deleted. */
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
 * The error of a write. A written file cannot be `missing`: its folder was deleted meanwhile, so
 * the problem is `broken`, and a retry may succeed.
 */
export const putError = (key: string, cause: unknown): StorageError => {
  const error = new StorageError(key, cause);
  return error.problem === 'missing' ? new StorageError(key, cause, 'broken') : error;
};

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
