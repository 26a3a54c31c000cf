import type { Logger } from 'pino';
import type { Db } from '../db/client.ts';
import { beat, forgetWorker } from '../db/heartbeats.ts';

const INTERVAL_MS = 3_000;

/** Tells the database every few seconds that this worker lives; `stop` takes it off the list. */
export const startHeartbeat = (db: Db, workerId: string, log: Logger) => {
  const tell = (): Promise<void> =>
    beat(db, workerId).catch(() => log.warn('heartbeat not stored, the database is away'));
  const timer = setInterval(() => void tell(), INTERVAL_MS);
  void tell();
  return {
    stop: async (): Promise<void> => {
      clearInterval(timer);
      await forgetWorker(db, workerId).catch(() => {});
    },
  };
};
