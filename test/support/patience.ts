/**
 * How long a test waits for what must happen, in milliseconds. It ends a test that hangs, and says
 * nothing about speed: a busy machine needs many times as long as a quiet one.
 */
export const PATIENCE_MS = 60_000;
