import type { Db } from './client.ts';

/** The one notice of a job so far. */
export type NoticeKind = 'finished';

/** True once the provider has accepted the mail. */
export const isNoticed = async (db: Db, jobId: string, kind: NoticeKind): Promise<boolean> => {
  const row = await db
    .selectFrom('notices')
    .select('job_id')
    .where('job_id', '=', jobId)
    .where('kind', '=', kind)
    .executeTakeFirst();
  return row !== undefined;
};

/** Records an accepted mail; when it is recorded already, the first record stays. */
export const recordNotice = async (
  db: Db,
  notice: { jobId: string; kind: NoticeKind; providerId: string },
): Promise<void> => {
  await db
    .insertInto('notices')
    .values({ job_id: notice.jobId, kind: notice.kind, provider_id: notice.providerId })
    .onConflict((conflict) => conflict.columns(['job_id', 'kind']).doNothing())
    .execute();
};

/** What a job's mail is about and whom it goes to: the owner of the key that started the job. */
export const findNoticeSubject = (db: Db, jobId: string) =>
  db
    .selectFrom('jobs')
    .innerJoin('api_keys', 'api_keys.id', 'jobs.actor_key_id')
    .innerJoin('workspaces', 'workspaces.id', 'jobs.workspace_id')
    .select([
      'jobs.id',
      'jobs.type',
      'jobs.state',
      'jobs.actor_key_id',
      'jobs.backup_id',
      'jobs.selection',
      'jobs.options',
      'api_keys.owner_email',
      'workspaces.name as workspace_name',
    ])
    .where('jobs.id', '=', jobId)
    .executeTakeFirst();
