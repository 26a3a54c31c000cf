import { sql } from 'kysely';
import type { Db } from '../client.ts';
import { isKeyValid, keyEndedAt } from '../key-end.ts';

/** A link in a mail: the mail's id, and the expiry that is signed into the link. */
export interface PageOf {
  mailId: string;
  expiresAt: Date;
}

/**
 * The job that a mail is about. A link ends at its expiry, or when the key that started the job
 * ends.
 */
export const findMailedJob = (db: Db, { mailId, expiresAt }: PageOf) =>
  db
    .selectFrom('notices as mail')
    .innerJoin('jobs', 'jobs.id', 'mail.job_id')
    .innerJoin('api_keys as starter', 'starter.id', 'jobs.actor_key_id')
    .innerJoin('workspaces', 'workspaces.id', 'jobs.workspace_id')
    .select(['mail.job_id', 'workspaces.name as workspace_name'])
    .select(
      sql<boolean>`(${expiresAt}::timestamptz <= now() OR ${keyEndedAt('starter')} IS NOT NULL)`.as(
        'link_is_over',
      ),
    )
    .where('mail.id', '=', mailId)
    .executeTakeFirst();

/**
 * The request that a mail is about. Its link ends at its expiry, or when the recipient has no valid
 * key any more that receives mails about the request.
 */
export const findMailedRequest = (db: Db, { mailId, expiresAt }: PageOf) =>
  db
    .selectFrom('request_notices as mail')
    .innerJoin('delete_all_requests as r', 'r.id', 'mail.request_id')
    .innerJoin('workspaces', 'workspaces.id', 'r.workspace_id')
    .leftJoin('jobs', 'jobs.id', 'r.job_id')
    .select(['r.id', 'workspaces.name as workspace_name'])
    .select(['jobs.state as job_state', 'jobs.counts as job_counts'])
    .select(
      sql<boolean>`(${expiresAt}::timestamptz <= now() OR NOT EXISTS (
        SELECT FROM api_keys k
         WHERE k.person = person_of(mail.person) AND ${isKeyValid('k')}
           AND (k.role = 'platform' OR k.role = 'admin' AND k.workspace_id = r.workspace_id)))`.as(
        'link_is_over',
      ),
    )
    .where('mail.id', '=', mailId)
    .executeTakeFirst();

/**
 * Most users whose reasons are counted for a page, so that its cost does not depend on the number
 * of failures.
 */
const MAX_COUNTED_USERS = 10_000;
/** Most reasons shown, the most frequent first. */
const MAX_REASONS = 10;

export interface CountedReason {
  reason: string;
  count: number;
  /**
   * Whether the job has at least `MAX_COUNTED_USERS` users with a reason, so that the counts are
   * lower bounds.
   */
  isLeast: boolean;
}

/**
 * Why users of a job were not processed: names of constraints and codes, never a user's data.
 * Counts on `outcomes_pkey`.
 */
export const countReasons = async (db: Db, jobId: string): Promise<CountedReason[]> => {
  const { rows } = await sql<CountedReason>`
    SELECT reason, count(*) AS count, bool_or(looked = ${MAX_COUNTED_USERS}) AS "isLeast"
      FROM (SELECT reason, count(*) OVER () AS looked
              FROM (SELECT reason FROM outcomes
                     WHERE job_id = ${jobId}::uuid AND reason IS NOT NULL
                     LIMIT ${MAX_COUNTED_USERS}) AS first) AS counted
     GROUP BY reason ORDER BY count DESC, reason LIMIT ${MAX_REASONS}`.execute(db);
  return rows;
};
