import { sql } from 'kysely';
import type { Db } from '../client.ts';
import { refuseDatabase } from './refusal.ts';

/** Most that the clock of a process may differ from the database's, in seconds. */
export const MAX_CLOCK_SKEW_SECONDS = 120;

/** By the database's clock, which sets and judges every expiry; in milliseconds. */
export const readClock = async (db: Db): Promise<number> => {
  const { rows } = await sql<{ now: Date }>`SELECT clock_timestamp() AS now`.execute(db);
  return rows[0]?.now.getTime() ?? NaN;
};

/**
 * How far the clock of this process is ahead of the database's, in seconds; negative when behind.
 * What `read` answers is taken to be the time in the middle of its round trip.
 */
export const measureClockSkew = async (
  read: () => Promise<number>,
  now: () => number = Date.now,
): Promise<number> => {
  const before = now();
  const theirs = await read();
  return ((before + now()) / 2 - theirs) / 1_000;
};

export const isClockOff = (skewSeconds: number): boolean =>
  Math.abs(skewSeconds) > MAX_CLOCK_SKEW_SECONDS;

/** @throws DatabaseRefusal `clocksDiffer` when this process and the database are minutes apart */
export const assertClock = async (db: Db, now?: () => number): Promise<void> => {
  // The first statement may wait for a connection; the second is timed.
  await readClock(db);
  const skew = await measureClockSkew(() => readClock(db), now);
  if (!isClockOff(skew)) return;
  throw refuseDatabase(
    'clocksDiffer',
    `The clock here is ${Math.round(Math.abs(skew))} s ${skew > 0 ? 'ahead of' : 'behind'} the ` +
      `database's, more than ${MAX_CLOCK_SKEW_SECONDS} s: set both by NTP, then start again.`,
  );
};
