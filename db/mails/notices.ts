import { JOB_MAIL } from '../../workflows/contracts/mails.ts';
import type { Db } from '../client.ts';
import { mailState, mailWaitMs } from './mail-tries.ts';

/** Finds or makes a job's mail of one round. Every attempt of the round gets the same row. */
export const openNotice = async (db: Db, { jobId, round }: { jobId: string; round: number }) => {
  const notice = { job_id: jobId, kind: JOB_MAIL, round };
  await db
    .insertInto('notices')
    .values(notice)
    .onConflict((conflict) => conflict.columns(['job_id', 'kind', 'round']).doNothing())
    .execute();
  return db
    .selectFrom('notices')
    .select(['id', 'begun_at', mailState.as('state'), mailWaitMs.as('wait_ms')])
    .where('job_id', '=', jobId)
    .where('kind', '=', JOB_MAIL)
    .where('round', '=', round)
    .executeTakeFirstOrThrow();
};

/** The job of a mail, and the mail's recipient: the owner of the key that started the job. */
export const findNoticeSubject = (db: Db, jobId: string) =>
  db
    .selectFrom('jobs')
    .innerJoin('api_keys', 'api_keys.id', 'jobs.actor_key_id')
    .innerJoin('workspaces', 'workspaces.id', 'jobs.workspace_id')
    .select([
      'jobs.id',
      'jobs.type',
      'jobs.state',
      'jobs.phase',
      'jobs.actor_key_id',
      'jobs.backup_id',
      'jobs.selection',
      'jobs.options',
      'jobs.counts',
      'jobs.error_type',
      'jobs.error_message',
      'jobs.finished_at',
      'api_keys.owner_email',
      'workspaces.name as workspace_name',
    ])
    .where('jobs.id', '=', jobId)
    .executeTakeFirst();

export type NoticeSubject = NonNullable<Awaited<ReturnType<typeof findNoticeSubject>>>;
