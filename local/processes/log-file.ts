import { existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A longer log is renamed when its process starts. One older log is kept. */
const LONGEST_LOG_BYTES = 16 * 1024 * 1024;

/**
 * Returns a function that returns the text added to a log since this call. Call it before the
 * process is started.
 */
export const followLogFile = (path: string): (() => string) => {
  const size = sizeOf(path);
  const from = size > LONGEST_LOG_BYTES ? 0 : size;
  return () => (existsSync(path) ? readFileSync(path).subarray(from).toString() : '');
};

/**
 * Opens a log for appending, for a process to inherit. Without a pipe, no line is lost when either
 * process dies. The caller closes the descriptor once the process is started.
 */
export const openLogFile = (path: string): number => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (sizeOf(path) > LONGEST_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
};

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
