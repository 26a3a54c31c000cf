import type { Logger } from 'pino';
import type { Db } from '../db/client.ts';
import { isClockOff, measureClockSkew } from '../db/connections/clock.ts';
import { beat, forgetWorker } from '../db/heartbeats.ts';

const INTERVAL_MS = 3_000;
/** After so long without a stored heartbeat the database counts as unavailable. */
const MAX_SILENCE_MS = 3 * INTERVAL_MS;

interface Heartbeat {
  db: Db;
  workerId: string;
  taskQueue: string;
  log: Logger;
  /**
   * Receives at each heartbeat how far this worker's clock is ahead of the database's, in seconds.
   */
  onSkew: (seconds: number) => void;
  /** This worker's clock, in milliseconds since 1970; replaced in tests. */
  now?: () => number;
  intervalMs?: number;
}

/**
 * Stores every few seconds that this worker lives, and compares its clock with the database's.
 * `isBeating` says whether the database has stored a heartbeat lately. `stop` removes the worker's
 * row.
 */
export const startHeartbeat = ({
  db,
  workerId,
  taskQueue,
  log,
  onSkew,
  now,
  intervalMs = INTERVAL_MS,
}: Heartbeat) => {
  let wasOff = false;
  let beatAt = -Infinity;
  let begun = 0;
  let compared = 0;
  const compare = (number: number, skewSeconds: number): void => {
    beatAt = performance.now();
    // A slow heartbeat may end after a later one, and would report an earlier difference.
    if (number < compared) return;
    compared = number;
    onSkew(skewSeconds);
    const isOff = isClockOff(skewSeconds);
    if (isOff && !wasOff) log.error({ skewSeconds }, "clock differs from the database's: set both");
    if (!isOff && wasOff) log.info({ skewSeconds }, "clock agrees with the database's again");
    wasOff = isOff;
  };
  const report = (): Promise<void> => {
    const number = ++begun;
    return measureClockSkew(() => beat(db, { workerId, taskQueue }), now).then(
      (skewSeconds) => compare(number, skewSeconds),
      () => log.warn('heartbeat not stored: the database is not available'),
    );
  };
  const timer = setInterval(() => void report(), intervalMs);
  void report();
  return {
    isBeating: (): boolean => performance.now() - beatAt < MAX_SILENCE_MS,
    stop: async (): Promise<void> => {
      clearInterval(timer);
      await forgetWorker(db, workerId).catch(() => {});
    },
  };
};
