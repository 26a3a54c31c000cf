import { sql } from 'kysely';
import type { Db } from '../client.ts';
import { reminderTimes } from '../delete-all/delete-all-settings.ts';
import { isKeyValid } from '../key-end.ts';
import { mailState, mailWaitMs } from './mail-tries.ts';

/** The recipients of mails about a request: both sides, or one of them. */
export type Audience = 'all' | 'platform' | 'admins';

const ROLES: Record<Audience, readonly ('platform' | 'admin')[]> = {
  all: ['platform', 'admin'],
  platform: ['platform'],
  admins: ['admin'],
};

/** The mails of one kind about a request in one round. */
export interface NoticeRound {
  requestId: string;
  kind: string;
  round: number;
}

/**
 * Plans a mail to each person of the audience with a valid key. Planned once for each round, so
 * that later attempts use the same people and mail ids.
 */
export const planNotices = async (
  db: Db,
  notice: NoticeRound & { workspaceId: string; audience: Audience },
): Promise<void> => {
  const { requestId, kind, round } = notice;
  await sql`
    INSERT INTO request_notices (id, request_id, kind, round, person)
    SELECT gen_random_uuid(), ${requestId}, ${kind}, ${round}::int, address
      FROM (SELECT DISTINCT ON (person) owner_email AS address FROM api_keys
             WHERE ${isKeyValid('api_keys')} AND role = ANY (${ROLES[notice.audience]})
               AND (workspace_id IS NULL OR workspace_id = ${notice.workspaceId})
             ORDER BY person, id) AS people
     WHERE NOT EXISTS (SELECT FROM request_notices n
                        WHERE n.request_id = ${requestId} AND n.kind = ${kind} AND n.round = ${round}::int)
    ON CONFLICT DO NOTHING`.execute(db);
};

/**
 * Planned mails that wait to be accepted, with their addresses and persons. Refused mails, and
 * mails that are a day old, are not listed.
 */
export const listOpenNotices = (db: Db, { requestId, kind, round }: NoticeRound) =>
  db
    .selectFrom('request_notices')
    .select(['id', 'begun_at', 'person as address', mailWaitMs.as('wait_ms')])
    .select(sql<string>`person_of(person)`.as('person'))
    .where('request_id', '=', requestId)
    .where('kind', '=', kind)
    .where('round', '=', round)
    .where(sql<boolean>`${mailState} = 'waiting'`)
    .orderBy('id')
    .execute();

/** The content of a mail about a request. Nothing in it changes once the mail is due. */
export const findRequestSubject = (db: Db, requestId: string) =>
  db
    .selectFrom('delete_all_requests as r')
    .innerJoin('workspaces', 'workspaces.id', 'r.workspace_id')
    .innerJoin('api_keys as requester', 'requester.id', 'r.requester_key_id')
    .leftJoin('jobs', 'jobs.id', 'r.job_id')
    .selectAll('r')
    .select([
      'workspaces.name as workspace_name',
      'requester.role as requester_role',
      'requester.owner_name as requester_name',
      'jobs.counts as job_counts',
      reminderTimes.as('times'),
      sql<number>`extract(epoch FROM r.window_length)::float8 * 1000`.as('window_ms'),
    ])
    .where('r.id', '=', requestId)
    .executeTakeFirst();
