import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { ActivityKind } from './activity.ts';
import type { Db } from './client.ts';
import { type ActorFilter, keysOf } from './keys-of.ts';

export interface ActivityFilter extends ActorFilter {
  /** Null for all workspaces, and for lines without a workspace. */
  workspaceId: string | null;
  /** Only lines of one of these kinds. */
  kinds?: readonly ActivityKind[] | undefined;
  jobId?: string | undefined;
  /** RFC 3339. `from` is inclusive, `to` is exclusive. */
  from?: string | undefined;
  to?: string | undefined;
}

export type ActivityLine = Awaited<ReturnType<ReturnType<typeof lines>['executeTakeFirstOrThrow']>>;

/**
 * Lines of one workspace or of all, newest first. Each query counts on one of these indexes:
 * `activity_newest`, `activity_newest_of_all`, `activity_of_kind`, `activity_of_actor`,
 * `activity_of_job`.
 */
export const listActivity = (
  db: Db,
  filter: ActivityFilter,
  page: { beforeId?: string | undefined; limit: number },
): Promise<ActivityLine[]> =>
  lines(db)
    .where(sql<SqlBool>`activity.id IN (${idsOf(filter, page)})`)
    .orderBy('activity.at', 'desc')
    .orderBy('activity.id', 'desc')
    .execute();

export const findActivity = (db: Db, id: string, workspaceId: string) =>
  lines(db)
    .where('activity.id', '=', id)
    .where('activity.workspace_id', '=', workspaceId)
    .executeTakeFirst();

/** The query of all lines that match a filter, newest first, for `copyText`. */
export const activityLog = (filter: ActivityFilter): RawBuilder<unknown> => {
  const conditions = [...conditionsOf(filter), ...isOfKinds(filter)];
  const keys = keysOf(filter);
  if (keys !== undefined) conditions.push(sql`activity.actor_key_id IN (${keys})`);
  return sql`
    SELECT activity.id AS id,
           to_char(activity.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
           activity.kind AS kind, actor.shown_id AS "actorId", actor.role AS "actorRole",
           actor.owner_name AS "actorName", activity.reason AS reason,
           activity.job_id AS "jobId", activity.export_id AS "exportId", activity.counts AS counts,
           activity.details AS details, activity.workspace_id AS workspace
      FROM activity LEFT JOIN api_keys actor ON actor.id = activity.actor_key_id
     WHERE ${allOf(conditions)} ORDER BY activity.at DESC, activity.id DESC`;
};

/** Lines with their author, and the job or export that they concern. */
const lines = (db: Db) =>
  db
    .selectFrom('activity')
    .leftJoin('api_keys as actor', 'actor.id', 'activity.actor_key_id')
    .leftJoin('jobs', 'jobs.id', 'activity.job_id')
    .leftJoin('exports', 'exports.id', 'activity.export_id')
    .selectAll('activity')
    .select([
      'actor.role as actor_role',
      'actor.owner_name as actor_name',
      'actor.shown_id as actor_shown_id',
      'jobs.type as job_type',
      'jobs.erased_at as job_erased_at',
      'exports.purpose as export_purpose',
    ]);

/**
 * Ids of the newest lines. The lines of each key, or of each kind, are read separately, by the
 * indexes `activity_of_actor` and `activity_of_kind`: PostgreSQL cannot read one index in order
 * across several values of its first column.
 */
const idsOf = (
  filter: ActivityFilter,
  { beforeId, limit }: { beforeId?: string | undefined; limit: number },
): RawBuilder<string> => {
  const conditions = conditionsOf(filter);
  if (beforeId !== undefined) {
    conditions.push(sql`(activity.at, activity.id) <
      (SELECT at, id FROM activity WHERE id = ${beforeId}::uuid)`);
  }
  const newestOfEach = (each: RawBuilder<unknown>, own: readonly RawBuilder<SqlBool>[]) =>
    sql<string>`SELECT found.id FROM ${each}
      CROSS JOIN LATERAL (${newestOf([...conditions, ...own], limit)}) AS found
      ORDER BY found.at DESC, found.id DESC LIMIT ${limit}`;
  const keys = keysOf(filter);
  if (keys !== undefined) {
    const own = [sql<SqlBool>`activity.actor_key_id = actor.id`, ...isOfKinds(filter)];
    return newestOfEach(sql`(${keys}) AS actor (id)`, own);
  }
  if (filter.kinds !== undefined) {
    const each = sql`(SELECT DISTINCT unnest(${filter.kinds}::text[])) AS one (kind)`;
    return newestOfEach(each, [sql`activity.kind = one.kind`]);
  }
  return sql<string>`SELECT found.id FROM (${newestOf(conditions, limit)}) AS found`;
};

const newestOf = (conditions: readonly RawBuilder<SqlBool>[], limit: number) => sql`
  SELECT activity.id, activity.at FROM activity WHERE ${allOf(conditions)}
   ORDER BY activity.at DESC, activity.id DESC LIMIT ${limit}`;

/** The condition on the kind of a line; none if every kind is wanted. */
const isOfKinds = ({ kinds }: ActivityFilter): RawBuilder<SqlBool>[] =>
  kinds === undefined ? [] : [sql`activity.kind IN (SELECT unnest(${kinds}::text[]))`];

/** The conditions on a line, except those on its actor and its kind. */
const conditionsOf = (filter: ActivityFilter): RawBuilder<SqlBool>[] => {
  const { workspaceId, jobId, from, to } = filter;
  const conditions: RawBuilder<SqlBool>[] = [];
  const add = (value: string | null | undefined, condition: RawBuilder<SqlBool>) => {
    if (value !== undefined && value !== null) conditions.push(condition);
  };
  add(workspaceId, sql`activity.workspace_id = ${workspaceId}::text`);
  add(jobId, sql`activity.job_id = ${jobId}::uuid`);
  add(from, sql`activity.at >= ${from}::timestamptz`);
  add(to, sql`activity.at < ${to}::timestamptz`);
  return conditions;
};

const allOf = (conditions: readonly RawBuilder<SqlBool>[]): RawBuilder<SqlBool> =>
  conditions.length === 0 ? sql`true` : sql`(${sql.join(conditions, sql` AND `)})`;
