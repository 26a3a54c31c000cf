import { sql } from 'kysely';
import type { Db } from '../client.ts';
import { isKeyValid, keyEndedAt } from '../key-end.ts';

/** A link of a mail: the mail, and the end that is signed into the link. */
export interface PageOf {
  mailId: string;
  expiresAt: Date;
}

/**
 * The job that a mail is about. Its links end at their time, and with the key that started the job.
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
 * The request that a mail is about. Its link ends at its time, and with the last key by which the
 * person who was mailed hears of the request.
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

/** Users looked at for the reasons of a job, so that a page costs little however many failed. */
const REASONS_LOOKED_AT = 10_000;
/** Reasons that are told, those that count the most first. */
const REASONS_TOLD = 10;

export interface CountedReason {
  reason: string;
  count: number;
  /** There are more users than were looked at. */
  isLeast: boolean;
}

/**
 * Why users of a job were not dealt with: names of constraints and codes, nobody's data. By
 * `outcomes_pkey`.
 */
export const countReasons = async (db: Db, jobId: string): Promise<CountedReason[]> => {
  const { rows } = await sql<CountedReason>`
    SELECT reason, count(*) AS count, bool_or(looked = ${REASONS_LOOKED_AT}) AS "isLeast"
      FROM (SELECT reason, count(*) OVER () AS looked
              FROM (SELECT reason FROM outcomes
                     WHERE job_id = ${jobId}::uuid AND reason IS NOT NULL
                     LIMIT ${REASONS_LOOKED_AT}) AS first) AS counted
     GROUP BY reason ORDER BY count DESC, reason LIMIT ${REASONS_TOLD}`.execute(db);
  return rows;
};
