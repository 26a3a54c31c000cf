import type { Pool } from 'pg';
import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { Db } from './client.ts';
import { readUntil } from './connections/read-until.ts';
import { isRetryable } from './jobs/retries.ts';

/** Jobs that took longer are left out of the sums of days. */
const MAX_JOB_DAYS = 30;
/** A backup that expires within this time needs attention. */
export const EXPIRING_DAYS = 3;

/** Users of jobs by day, in UTC. */
export interface OverviewDay {
  day: string;
  /** Lines of imports that created or changed a user, without dry runs. */
  imported: number;
  deleted: number;
  restored: number;
}

export interface Attention {
  unfinishedJobs: number;
  /** Jobs of these days that can be retried. */
  retryableJobs: number;
  requestsToDecide: number;
  openWindows: number;
  damagedBackups: number;
  expiringBackups: number;
}

interface OverviewQuery {
  /** Null for all workspaces. */
  workspaceId: string | null;
  days: number;
}

/**
 * The last days, the oldest first, with today. Reads the jobs of these days by `jobs_newest` or
 * `jobs_newest_of_all`.
 */
export const listDays = async (
  db: Db,
  { workspaceId, days }: OverviewQuery,
): Promise<OverviewDay[]> => {
  const first = firstDay(days);
  const { rows } = await sql<OverviewDay>`
    WITH done AS (
      SELECT jobs.finished_at::date AS day,
             sum(CASE WHEN type = 'import' AND options ->> 'dryRun' IS DISTINCT FROM 'true' THEN
                   ${countOf('imported')} + ${countOf('merged')} - ${countOf('unchanged')} ELSE 0 END) AS imported,
             sum(${countOf('deleted')}) AS deleted, sum(${countOf('restored')}) AS restored
        FROM jobs
       WHERE ${inWorkspace(workspaceId, sql`jobs.workspace_id`)} AND jobs.finished_at >= ${first}
         AND jobs.created_at >= ${first} - make_interval(days => ${MAX_JOB_DAYS})
       GROUP BY 1)
    SELECT to_char(each.day, 'YYYY-MM-DD') AS day,
           coalesce(done.imported, 0)::bigint AS imported, coalesce(done.deleted, 0)::bigint AS deleted,
           coalesce(done.restored, 0)::bigint AS restored
      FROM generate_series(${first}, now(), '1 day') AS each (day)
      LEFT JOIN done ON done.day = each.day::date
     ORDER BY each.day`.execute(db);
  return rows;
};

/**
 * The users that were created on each of the last days and still exist, by `users_created_at`. Days
 * without such users are left out. Undefined if `signal` is aborted first, or after `timeoutMs`.
 */
export const countAddedUntil = async (
  pool: Pool,
  { workspaceId, days, timeoutMs }: { workspaceId: string; days: number; timeoutMs: number },
  signal: AbortSignal,
): Promise<Map<string, number> | undefined> => {
  const statement = sql<{ day: string; users: number }>`
    SELECT to_char(users.created_at::date, 'YYYY-MM-DD') AS day, count(*) AS users FROM users
     WHERE users.workspace_id = ${workspaceId} AND users.created_at >= ${firstDay(days)}
       AND users.created_at <= now() GROUP BY users.created_at::date`;
  const rows = await readUntil(pool, { statement, timeoutMs }, signal);
  return rows && new Map(rows.map(({ day, users }) => [day, users]));
};

export const countAttention = async (
  db: Db,
  { workspaceId, days }: OverviewQuery,
): Promise<Attention> => {
  const isHere = (column: string) => inWorkspace(workspaceId, sql.ref(column));
  const { rows } = await sql<Attention>`SELECT
    (SELECT count(*) FROM jobs
      WHERE ${isHere('jobs.workspace_id')} AND finished_at IS NULL) AS "unfinishedJobs",
    (SELECT count(*) FROM jobs
      WHERE ${isHere('jobs.workspace_id')} AND state IN ('partiallySucceeded', 'failed', 'cancelled')
        AND created_at >= ${firstDay(days)} AND ${isRetryable}) AS "retryableJobs",
    (SELECT count(*) FROM delete_all_requests AS r
      WHERE ${isHere('r.workspace_id')} AND state = 'requested' AND lapses_at > now()) AS "requestsToDecide",
    (SELECT count(*) FROM delete_all_requests AS r
      WHERE ${isHere('r.workspace_id')} AND state = 'open' AND closes_at > now()) AS "openWindows",
    (SELECT count(*) FROM exports
      WHERE ${isHere('exports.workspace_id')} AND purpose = 'backup' AND state = 'damaged') AS "damagedBackups",
    (SELECT count(*) FROM exports
      WHERE ${isHere('exports.workspace_id')} AND purpose = 'backup' AND state = 'verified' AND NOT legal_hold
        AND expires_at < now() + make_interval(days => ${EXPIRING_DAYS})) AS "expiringBackups"`.execute(
    db,
  );
  const [counts] = rows;
  if (counts === undefined) throw new Error('a query without FROM has one row');
  return counts;
};

/** The connections of Keepsake have the time zone UTC. */
const firstDay = (days: number) =>
  sql<Date>`(date_trunc('day', now()) - make_interval(days => ${days - 1}))`;

const inWorkspace = (workspaceId: string | null, column: RawBuilder<unknown>) =>
  workspaceId === null ? sql<SqlBool>`true` : sql<SqlBool>`${column} = ${workspaceId}`;

const countOf = (name: string) => sql`coalesce((counts ->> ${sql.lit(name)})::bigint, 0)`;
