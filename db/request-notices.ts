import { sql } from 'kysely';
import type { Db } from './client.ts';
import { isKeyValid } from './key-end.ts';

/** Who hears of a request: everyone concerned, or one side of it. */
export type Audience = 'all' | 'platform' | 'admins';

const ROLES: Record<Audience, readonly ('platform' | 'admin')[]> = {
  all: ['platform', 'admin'],
  platform: ['platform'],
  admins: ['admin'],
};

/**
 * Plans a mail to each person of the audience, by the keys that are valid now: once, so that later
 * tries are about the same people and under the same ids.
 */
export const planNotices = async (
  db: Db,
  notice: { requestId: string; workspaceId: string; kind: string; audience: Audience },
): Promise<void> => {
  const { requestId, kind } = notice;
  await sql`
    INSERT INTO request_notices (id, request_id, kind, person)
    SELECT gen_random_uuid(), ${requestId}, ${kind}, address
      FROM (SELECT DISTINCT ON (person) owner_email AS address FROM api_keys
             WHERE ${isKeyValid('api_keys')} AND role = ANY (${ROLES[notice.audience]})
               AND (workspace_id IS NULL OR workspace_id = ${notice.workspaceId})
             ORDER BY person, id) AS people
     WHERE NOT EXISTS (SELECT FROM request_notices n
                        WHERE n.request_id = ${requestId} AND n.kind = ${kind})
    ON CONFLICT DO NOTHING`.execute(db);
};

/** Planned mails that the provider has not accepted yet: to which address, and whose that is. */
export const listOpenNotices = (db: Db, requestId: string, kind: string) =>
  db
    .selectFrom('request_notices')
    .select(['id', 'person as address'])
    .select(sql<string>`person_of(person)`.as('person'))
    .where('request_id', '=', requestId)
    .where('kind', '=', kind)
    .where('accepted_at', 'is', null)
    .orderBy('id')
    .execute();

/** Records an accepted mail; when it is recorded already, the first record stays. */
export const acceptNotice = async (db: Db, id: string, providerId: string): Promise<void> => {
  await db
    .updateTable('request_notices')
    .set({ provider_id: providerId, accepted_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('accepted_at', 'is', null)
    .execute();
};

/** What a mail about a request tells; nothing in it changes once the mail is due. */
export const findRequestSubject = (db: Db, requestId: string) =>
  db
    .selectFrom('delete_all_requests as r')
    .innerJoin('workspaces', 'workspaces.id', 'r.workspace_id')
    .leftJoin('jobs', 'jobs.id', 'r.job_id')
    .selectAll('r')
    .select(['workspaces.name as workspace_name', 'jobs.counts as job_counts'])
    .where('r.id', '=', requestId)
    .executeTakeFirst();
