import { sql } from 'kysely';
import type { Db } from '../client.ts';
import { refuseClock, refuseDatabase } from './refusal.ts';

/** Largest accepted difference between a process's clock and the database's, in seconds. */
export const MAX_CLOCK_SKEW_SECONDS = 120;

/** The database's clock, in milliseconds since 1970. This clock sets and judges every expiry. */
export const readClock = async (db: Db): Promise<number> => {
  const { rows } = await sql<{ now: Date }>`SELECT clock_timestamp() AS now`.execute(db);
  return rows[0]?.now.getTime() ?? NaN;
};

/**
 * Seconds that this process's clock is ahead of the database's; negative when it is behind. The
 * value of `read` is taken as the time in the middle of its round trip.
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

/**
 * @throws DatabaseRefusal `clocksDiffer` when the clocks differ by more than
 *   `MAX_CLOCK_SKEW_SECONDS`
 */
export const assertClock = async (db: Db, now?: () => number): Promise<void> => {
  // The first statement may wait for a connection, so only the second one is timed.
  await readClock(db);
  const skew = await measureClockSkew(() => readClock(db), now);
  if (!isClockOff(skew)) return;
  throw refuseDatabase(
    'clocksDiffer',
    `The clock here is ${Math.round(Math.abs(skew))} s ${skew > 0 ? 'ahead of' : 'behind'} the clock of the ` +
      `database; at most ${MAX_CLOCK_SKEW_SECONDS} s are allowed: set both by NTP, then start again.`,
  );
};

/**
 * @throws DatabaseRefusal `clockWentBack` when the database's clock is more than a day behind the
 *   time up to which expired files were removed, or that time is missing
 */
export const assertClockIsAhead = async (db: Db): Promise<void> => {
  const { rows } = await sql<{
    hasGoneBack: boolean | null;
  }>`SELECT has_clock_gone_back() AS "hasGoneBack"`.execute(db);
  if (rows[0]?.hasGoneBack !== false) throw refuseClock();
};
