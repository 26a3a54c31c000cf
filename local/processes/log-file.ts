import { existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A log longer than this is put aside when its process starts; one older log is kept. */
const LONGEST_LOG_BYTES = 16 * 1024 * 1024;

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Answers with what a log has gained since this call. Call it before the process is started. */
export const followLogFile = (path: string): (() => string) => {
  const size = sizeOf(path);
  const from = size > LONGEST_LOG_BYTES ? 0 : size;
  return () => (existsSync(path) ? readFileSync(path).subarray(from).toString() : '');
};

/**
 * Opens a log to append to, for a process to hold itself: it needs no pipe, so no line is lost when
 * either end dies. The caller closes it once the process is started.
 */
export const openLogFile = (path: string): number => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (sizeOf(path) > LONGEST_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
};
