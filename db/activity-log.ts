import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { ActivityKind } from './activity.ts';
import type { Db } from './client.ts';

export interface ActivityFilter {
  workspaceId: string;
  kind?: ActivityKind | undefined;
  /** A key, as it is shown. */
  actorKeyId?: string | undefined;
  /** A key, as it is shown; all keys of its owner, who is known by the mail address, are meant. */
  personKeyId?: string | undefined;
  jobId?: string | undefined;
  /** RFC 3339; from is within, to is not. */
  from?: string | undefined;
  to?: string | undefined;
}

const matches = (filter: ActivityFilter): RawBuilder<SqlBool> => {
  const { kind, actorKeyId, personKeyId, jobId, from, to } = filter;
  const conditions = [sql<SqlBool>`activity.workspace_id = ${filter.workspaceId}::text`];
  const add = (value: string | undefined, condition: RawBuilder<SqlBool>) => {
    if (value !== undefined) conditions.push(condition);
  };
  add(kind, sql`activity.kind = ${kind}::text`);
  add(
    actorKeyId,
    sql`activity.actor_key_id = (SELECT id FROM api_keys WHERE shown_id = ${actorKeyId}::uuid)`,
  );
  add(
    personKeyId,
    sql`activity.actor_key_id IN (SELECT same.id FROM api_keys same
      JOIN api_keys named ON named.person = same.person
     WHERE named.shown_id = ${personKeyId}::uuid)`,
  );
  add(jobId, sql`activity.job_id = ${jobId}::uuid`);
  add(from, sql`activity.at >= ${from}::timestamptz`);
  add(to, sql`activity.at < ${to}::timestamptz`);
  return sql<SqlBool>`(${sql.join(conditions, sql` AND `)})`;
};

/** Lines with who wrote them, and what they are about. */
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

export type ActivityLine = Awaited<ReturnType<ReturnType<typeof lines>['executeTakeFirstOrThrow']>>;

/** Lines of a workspace, newest first, by the index `activity_newest`. */
export const listActivity = (
  db: Db,
  filter: ActivityFilter,
  page: { beforeId?: string | undefined; limit: number },
): Promise<ActivityLine[]> =>
  lines(db)
    .where(matches(filter))
    .$if(page.beforeId !== undefined, (query) =>
      query.where(
        sql<boolean>`(activity.at, activity.id) <
          (SELECT at, id FROM activity WHERE id = ${page.beforeId ?? null}::uuid)`,
      ),
    )
    .orderBy('activity.at', 'desc')
    .orderBy('activity.id', 'desc')
    .limit(page.limit)
    .execute();

export const findActivity = (db: Db, id: string, workspaceId: string) =>
  lines(db)
    .where('activity.id', '=', id)
    .where('activity.workspace_id', '=', workspaceId)
    .executeTakeFirst();

/** The query of all lines that a filter holds, newest first, for `copyText`. */
export const activityLog = (filter: ActivityFilter): RawBuilder<unknown> => sql`
    SELECT activity.id AS id,
           to_char(activity.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
           activity.kind AS kind, actor.shown_id AS "actorId", actor.role AS "actorRole",
           actor.owner_name AS "actorName", activity.reason AS reason,
           activity.job_id AS "jobId", activity.export_id AS "exportId", activity.counts AS counts,
           activity.details AS details
      FROM activity LEFT JOIN api_keys actor ON actor.id = activity.actor_key_id
     WHERE ${matches(filter)} ORDER BY activity.at DESC, activity.id DESC`;
