import type { Logger } from 'pino';
import type { Db } from '../db/client.ts';
import { isClockOff, measureClockSkew } from '../db/connections/clock.ts';
import { beat, forgetWorker } from '../db/heartbeats.ts';

const INTERVAL_MS = 3_000;
/** Without a beat for so long the database is away. */
const MAX_SILENCE_MS = 3 * INTERVAL_MS;

interface Heartbeat {
  db: Db;
  workerId: string;
  taskQueue: string;
  log: Logger;
  /** Told at each beat how far this worker's clock is ahead of the database's, in seconds. */
  onSkew: (seconds: number) => void;
  /** Of this worker; another one in tests. */
  now?: () => number;
  intervalMs?: number;
}

/**
 * Tells the database every few seconds that this worker lives, and compares their clocks; `stop`
 * takes the worker off the list. `isBeating` says whether the database has taken a beat lately.
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
  const compare = (skewSeconds: number): void => {
    beatAt = performance.now();
    onSkew(skewSeconds);
    const isOff = isClockOff(skewSeconds);
    if (isOff && !wasOff) log.error({ skewSeconds }, "clock differs from the database's: set both");
    if (!isOff && wasOff) log.info({ skewSeconds }, "clock agrees with the database's again");
    wasOff = isOff;
  };
  const tell = (): Promise<void> =>
    measureClockSkew(() => beat(db, { workerId, taskQueue }), now).then(compare, () =>
      log.warn('heartbeat not stored, the database is away'),
    );
  const timer = setInterval(() => void tell(), intervalMs);
  void tell();
  return {
    isBeating: (): boolean => performance.now() - beatAt < MAX_SILENCE_MS,
    stop: async (): Promise<void> => {
      clearInterval(timer);
      await forgetWorker(db, workerId).catch(() => {});
    },
  };
};
