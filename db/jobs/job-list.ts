import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { JOB_KINDS, type JobType } from '../../workflows/contracts/jobs.ts';
import type { Db } from '../client.ts';
import { jobRows, type JobRow } from './jobs.ts';
import { type ActorFilter, keysOf } from '../keys-of.ts';
import { isRetryable } from './retries.ts';
import { JOB_STATES, type JobState } from '../schema.ts';

export interface JobPage extends ActorFilter {
  /** Null for all workspaces. */
  workspaceId: string | null;
  /** Only jobs of one of these types. */
  types?: readonly JobType[] | undefined;
  /** Only jobs in one of these states. */
  states?: readonly JobState[] | undefined;
  /** Only jobs that may be retried. */
  retryable?: true | undefined;
  /** RFC 3339, compared with the job's creation time. `from` is inclusive, `to` is exclusive. */
  from?: string | undefined;
  to?: string | undefined;
  /** Only jobs older than this job. */
  beforeId?: string | undefined;
  limit: number;
}

/** The states of jobs that have not ended. */
export const UNFINISHED_STATES = ['queued', 'running', 'cancelling'] as const;

const TYPES = Object.keys(JOB_KINDS) as JobType[];
/**
 * A job that succeeded has nothing left to retry. A job that has not ended cannot be retried yet.
 */
const RETRYABLE_STATES: readonly JobState[] = ['partiallySucceeded', 'failed', 'cancelled'];

/**
 * Jobs of one workspace or of all, newest first. Each query counts on one of these indexes:
 * `jobs_newest`, `jobs_by_state`, `jobs_newest_of_all`, `jobs_by_state_of_all`, `jobs_of_actor`.
 */
export const listJobs = (db: Db, page: JobPage): Promise<JobRow[]> =>
  jobRows(db)
    .where(sql<SqlBool>`jobs.id IN (${idsOf(page)})`)
    .orderBy('jobs.created_at', 'desc')
    .orderBy('jobs.id', 'desc')
    .execute();

/**
 * Ids of the page. The newest jobs of each key, or of each type and state, are read separately:
 * PostgreSQL cannot read one index in order across several values of its first columns.
 */
const idsOf = (page: JobPage): RawBuilder<string> => {
  const { types = TYPES, states, retryable, limit } = page;
  const conditions = conditionsOf(page);
  const wanted = statesOf(page);
  const isOfSome = page.types !== undefined || states !== undefined || retryable !== undefined;
  const merge = (each: RawBuilder<unknown>, own: RawBuilder<SqlBool>[]) => sql<string>`
    SELECT found.id FROM ${each} CROSS JOIN LATERAL (${newestOf([...own, ...conditions], limit)}) AS found
     ORDER BY found.created_at DESC, found.id DESC LIMIT ${limit}`;

  const keys = keysOf(page);
  if (keys !== undefined) {
    const ofSome = isOfSome
      ? [
          sql<SqlBool>`jobs.type = ANY (${types}::text[])`,
          sql<SqlBool>`jobs.state = ANY (${wanted}::text[])`,
        ]
      : [];
    return merge(sql`(${keys}) AS actor (id)`, [
      sql<SqlBool>`jobs.actor_key_id = actor.id`,
      ...ofSome,
    ]);
  }
  if (isOfSome) {
    const each = sql`(SELECT DISTINCT unnest(${types}::text[])) AS one (type)
      CROSS JOIN (SELECT DISTINCT unnest(${wanted}::text[])) AS other (state)`;
    return merge(each, [
      sql<SqlBool>`jobs.type = one.type`,
      sql<SqlBool>`jobs.state = other.state`,
    ]);
  }
  return sql<string>`SELECT found.id FROM (${newestOf(conditions, limit)}) AS found`;
};

/** The conditions on a job, except those on its actor, type and state. */
const conditionsOf = ({ workspaceId, retryable, from, to, beforeId }: JobPage) => [
  ...(workspaceId === null ? [] : [sql<SqlBool>`jobs.workspace_id = ${workspaceId}`]),
  ...(retryable === undefined ? [] : [isRetryable]),
  ...(from === undefined ? [] : [sql<SqlBool>`jobs.created_at >= ${from}::timestamptz`]),
  ...(to === undefined ? [] : [sql<SqlBool>`jobs.created_at < ${to}::timestamptz`]),
  ...(beforeId === undefined
    ? []
    : [
        sql<SqlBool>`(jobs.created_at, jobs.id) <
          (SELECT created_at, id FROM jobs WHERE id = ${beforeId}::uuid)`,
      ]),
];

const statesOf = ({ states = JOB_STATES, retryable }: JobPage): JobState[] =>
  states.filter((state) => retryable === undefined || RETRYABLE_STATES.includes(state));

/**
 * The newest jobs that satisfy all conditions. Counts on an index whose first columns are those
 * that the conditions compare for equality.
 */
const newestOf = (conditions: readonly RawBuilder<SqlBool>[], limit: number) => sql`
  SELECT jobs.id, jobs.created_at FROM jobs
   WHERE ${conditions.length === 0 ? sql`true` : sql.join(conditions, sql` AND `)}
   ORDER BY jobs.created_at DESC, jobs.id DESC LIMIT ${limit}`;
