import { mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A log longer than this is put aside when its process starts; one older log is kept. */
const LONGEST_LOG_BYTES = 16 * 1024 * 1024;

/**
 * Opens a log to append to, for a process to hold itself: it needs no pipe, so no line is lost when
 * either end dies. The caller closes it once the process is started.
 */
export const openLogFile = (path: string): number => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LONGEST_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
};
