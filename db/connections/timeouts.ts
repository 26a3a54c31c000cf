/** How long a statement of a step waits for a lock before the step's work is tried again, in ms. */
export const STEP_LOCK_MS = 30_000;
/** How long a request waits for a batch or restore that uses the row, in milliseconds. */
export const REQUEST_LOCK_MS = 8_000;
/**
 * If a worker is silent for so long within a chunk, in milliseconds, PostgreSQL rolls the chunk
 * back: others may wait for its locks.
 */
export const SILENT_CHUNK_MS = 30_000;
