import { sql } from 'kysely';
import type { Db } from './client.ts';
import { measureClockSkew, readClock } from './connections/clock.ts';
import { countDamagedBackups } from './exports/scrubs.ts';

/**
 * Hours after the expiry at which a removal counts as overdue. The schedule runs every hour and
 * handles everything that has expired.
 */
const OVERDUE_HOURS = 3;

/** Figures about the service as a whole, without any user's data. */
export interface ServiceFigures {
  jobs: { type: string; state: string; error: string; hasEnded: boolean; count: number }[];
  /**
   * Age in seconds of the oldest queued job and of the oldest running job. No entry for a state
   * without a job.
   */
  oldest: { state: 'queued' | 'running'; seconds: number }[];
  damagedBackups: number;
  /** Files and lists whose removal is overdue by hours, but still exist. */
  overdue: number;
  /** The last complete run of each schedule, in seconds since 1970. */
  schedules: { schedule: string; at: number }[];
  /** Seconds that this process's clock is ahead of the database's. */
  skewSeconds: number;
}

/** Reads all figures over one connection. */
export const readServiceFigures = (db: Db): Promise<ServiceFigures> =>
  db.connection().execute(async (one) => ({
    jobs: await countJobs(one),
    oldest: await readOldest(one),
    damagedBackups: await countDamagedBackups(one),
    overdue: await countOverdue(one),
    schedules: await readSchedules(one),
    skewSeconds: await measureClockSkew(() => readClock(one)),
  }));

/** Records a complete run of a schedule. */
export const noteScheduleRun = async (db: Db, schedule: string): Promise<void> => {
  await db
    .insertInto('schedule_runs')
    .values({ schedule, succeeded_at: sql<Date>`now()` })
    .onConflict((conflict) => conflict.column('schedule').doUpdateSet({ succeeded_at: sql`now()` }))
    .execute();
};

/** Counts by type, state and error. Reads the whole table. */
const countJobs = (db: Db): Promise<ServiceFigures['jobs']> =>
  db
    .selectFrom('jobs')
    .select((eb) => [
      'type',
      'state',
      eb.fn.coalesce('error_type', sql<string>`''`).as('error'),
      sql<boolean>`finished_at IS NOT NULL`.as('hasEnded'),
      eb.fn.countAll<number>().as('count'),
    ])
    .groupBy(['type', 'state', 'error_type', sql`finished_at IS NOT NULL`])
    .execute();

/** Counts on the index `jobs_unfinished`. */
const readOldest = async (db: Db): Promise<ServiceFigures['oldest']> => {
  const { rows } = await sql<ServiceFigures['oldest'][number]>`
    SELECT CASE state WHEN 'queued' THEN 'queued' ELSE 'running' END AS state,
           max(extract(epoch FROM now() - created_at))::float8 AS seconds
      FROM jobs WHERE finished_at IS NULL GROUP BY 1`.execute(db);
  return rows;
};

/** Files of exports, backups and imports, and lists of users. */
const countOverdue = async (db: Db): Promise<number> => {
  const { rows } = await sql<{ count: number }>`
    WITH late AS (SELECT now() - make_interval(hours => ${OVERDUE_HOURS}) AS since)
    SELECT (SELECT count(*) FROM exports e, late
             WHERE e.destroyed_at IS NULL AND NOT e.legal_hold
               AND (e.expires_at < late.since OR e.state = 'removed' AND e.removed_at < late.since)
               AND NOT EXISTS (SELECT FROM jobs j WHERE j.finished_at IS NULL
                                AND (j.id = e.job_id OR j.backup_id = e.id)))
         + (SELECT count(*) FROM import_files f, late
             WHERE f.destroyed_at IS NULL AND f.expires_at < late.since
               AND NOT EXISTS (SELECT FROM jobs j WHERE j.finished_at IS NULL AND j.import_file_id = f.id))
         + (SELECT count(*) FROM user_lists l, late WHERE l.expires_at < late.since) AS count`.execute(
    db,
  );
  return rows[0]?.count ?? 0;
};

const readSchedules = async (db: Db): Promise<ServiceFigures['schedules']> => {
  const rows = await db
    .selectFrom('schedule_runs')
    .select(['schedule', sql<number>`extract(epoch FROM succeeded_at)::float8`.as('at')])
    .execute();
  return rows;
};
