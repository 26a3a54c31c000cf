import { vi } from 'vitest';
import { PATIENCE_MS } from './patience.ts';

const INTERVAL_MS = 50;

/** Waits until `find` returns a value that is not falsy, and returns it. An error ends the wait. */
export const waitUntil = <Value>(find: () => Value | Promise<Value>, interval = INTERVAL_MS) =>
  vi.waitUntil(find, { timeout: PATIENCE_MS, interval });

/** Waits until `check` throws no error, and returns its value. */
export const waitFor = <Value>(
  check: () => Value | Promise<Value>,
  interval = INTERVAL_MS,
  timeout = PATIENCE_MS,
) => vi.waitFor(check, { timeout, interval });
