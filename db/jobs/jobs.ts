import { type RawBuilder, sql } from 'kysely';
import { recordActivity } from '../activity.ts';
import type { Db, Trx } from '../client.ts';
import type { JobType } from '../../workflows/contracts/jobs.ts';
import { allowLong } from '../connections/long-statements.ts';
import { REQUEST_LOCK_MS } from '../connections/timeouts.ts';
import { insertImportFile } from '../imports/import-files.ts';
import { UNBEGUN_COUNTS } from './named-users.ts';
import { copyTargets, isRetryable, retriedBy } from './retries.ts';
import type { JobState } from '../schema.ts';
import { requireUserList } from '../users/user-lists.ts';

export interface NewJob {
  id: string;
  workspaceId: string;
  type: JobType;
  /**
   * Frozen. A selection of ids or of a list holds only their count; `targetIds` or `targetsOf`
   * gives the ids.
   */
  selection: object;
  options: object;
  reason?: string;
  actorKeyId: string;
  previewId?: string;
  /**
   * The backup that a restore reads. Its row is locked while the job is written, so that the backup
   * is not removed first.
   */
  backupId?: string;
  /** The file that an import reads; `facts` is set for a file that was just uploaded. */
  importFile?: { id: string; facts?: { bytes: number; sha256: string } };
  idempotency?: { key: string; requestHash: string };
  /** The id of the HTTP request, as in the log. */
  requestId?: string;
  targetIds?: readonly string[];
  /**
   * The source of a list's users. `users` is a query of their ids, which are looked up as the job
   * is written. The job's selection stores the number of users, and `entries` if some entries may
   * name no user. `confirmed` is the number in a preview; with it, the list may have been deleted.
   * `are: 'addresses'` means that a query of addresses is stored, and their users are looked up
   * later.
   */
  targetsOf?: {
    listId: string;
    users: RawBuilder<unknown>;
    are?: 'users' | 'addresses';
    entries?: number;
    confirmed?: number;
  };
  /** The job that this job retries: for all users of that job, or for those that it has left. */
  retry?: { of: string; users: 'left' | 'all' };
}

export type JobRow = Awaited<ReturnType<ReturnType<typeof jobRows>['executeTakeFirstOrThrow']>>;

/** Insert the users of the query `named`, for the row `job` of the same statement. */
const INSERT_TARGETS = sql`INSERT INTO job_targets (job_id, pass, user_id)
  SELECT job.id, 1, named.user_id FROM job, named`;
const INSERT_ADDRESSES = sql`INSERT INTO job_addresses (job_id, address)
  SELECT job.id, named.address FROM job, named`;

/** Jobs for the API, with the key that started them and the duration of their current phase. */
export const jobRows = (db: Db) =>
  db
    .selectFrom('jobs')
    .innerJoin('api_keys as actor', 'actor.id', 'jobs.actor_key_id')
    .leftJoin('import_files as file', 'file.id', 'jobs.import_file_id')
    .selectAll('jobs')
    .select([
      'file.bytes as file_bytes',
      'file.sha256 as file_sha256',
      'file.expires_at as file_expires_at',
      'file.removed_at as file_removed_at',
      'actor.role as actor_role',
      'actor.owner_name as actor_name',
      'actor.shown_id as actor_shown_id',
      retriedBy.as('retried_by'),
      isRetryable.as('is_retryable'),
      sql<number | null>`extract(epoch FROM now() - jobs.phase_started_at)::float8`.as(
        'phase_seconds',
      ),
    ]);

/**
 * Writes a job with its targets and its line in the activity log, in one transaction. False if
 * another job has the same idempotency key, preview or retried job; nothing is written then.
 */
export const insertJob = (db: Db, job: NewJob): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    await allowLong(trx);
    return insertJobIn(trx, job);
  });

/** A job by its id, in one workspace, or in any if `workspaceId` is null. */
export const findJobRow = (db: Db, id: string, workspaceId: string | null) =>
  jobRows(db)
    .where('jobs.id', '=', id)
    .$if(workspaceId !== null, (query) => query.where('jobs.workspace_id', '=', workspaceId ?? ''))
    .executeTakeFirst();

/** The users or entries that a job was begun for by name, by id. */
export const listTargetIds = async (db: Db, jobId: string): Promise<string[]> => {
  const rows = await db
    .selectFrom('job_targets')
    .select('user_id')
    .where('job_id', '=', jobId)
    .where('pass', '=', 1)
    .orderBy('user_id')
    .execute();
  return rows.map((row) => row.user_id);
};

export const findJobByKey = (db: Db, workspaceId: string, key: string) =>
  jobRows(db)
    .where('jobs.workspace_id', '=', workspaceId)
    .where('jobs.idempotency_key', '=', key)
    .executeTakeFirst();

/** The job of a workspace that a preview was confirmed for. */
export const findJobOfPreview = (db: Db, workspaceId: string, previewId: string) =>
  jobRows(db)
    .where('jobs.workspace_id', '=', workspaceId)
    .where('jobs.preview_id', '=', previewId)
    .executeTakeFirst();

/**
 * Ends a job that Temporal did not accept, so that no process starts the job later. Releases its
 * preview, or the job that it was to retry. False if the job is not queued any more: then Temporal
 * accepted the job after all.
 */
export const failUnstarted = (db: Db, id: string, message: string): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    const job = await trx
      .updateTable('jobs')
      .set({
        state: 'failed',
        preview_id: null,
        retry_of: null,
        error_type: 'notStarted',
        error_message: message,
        finished_at: sql<Date>`now()`,
      })
      .where('id', '=', id)
      .where('state', '=', 'queued')
      .returning(['workspace_id', 'type'])
      .executeTakeFirst();
    if (job === undefined) return false;
    await recordActivity(trx, {
      workspaceId: job.workspace_id,
      kind: `${job.type}Finished`,
      jobId: id,
      details: { state: 'failed', error: 'notStarted' },
    });
    return true;
  });

/**
 * Ends a queued job, or marks a running one as cancelling. Waits for the job's open batch, which
 * holds a share lock on its row; after that no further batch can commit. False if the job has ended
 * or was cancelled before.
 *
 * @throws DatabaseError 55P03 (lock timeout) when the batch outlasts the wait; nothing is changed
 *   then
 */
export const cancelJob = (
  db: Db,
  { id, actorKeyId }: { id: string; actorKeyId: string },
): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    await sql`SELECT set_config('lock_timeout', ${String(REQUEST_LOCK_MS)}, true)`.execute(trx);
    const job = await trx
      .updateTable('jobs')
      .set({
        state: sql<JobState>`CASE state WHEN 'queued' THEN 'cancelled' ELSE 'cancelling' END`,
        counts: sql<string>`CASE state WHEN 'queued' THEN ${UNBEGUN_COUNTS} ELSE counts END`,
        finished_at: sql<Date | null>`CASE state WHEN 'queued' THEN now() END`,
      })
      .where('id', '=', id)
      .where('state', 'in', ['queued', 'running'])
      .returning('workspace_id')
      .executeTakeFirst();
    if (job === undefined) return false;
    await recordActivity(trx, {
      workspaceId: job.workspace_id,
      kind: 'jobCancelled',
      actorKeyId,
      jobId: id,
    });
    return true;
  });

const insertJobIn = async (trx: Trx, job: NewJob): Promise<boolean> => {
  const isInserted =
    job.targetsOf === undefined
      ? (await insertRow(trx, job, JSON.stringify(job.selection)).executeTakeFirst()) !== undefined
      : await insertWithTargets(trx, job, job.targetsOf);
  if (!isInserted) return false;
  if (job.importFile?.facts !== undefined) {
    await insertImportFile(trx, {
      id: job.importFile.id,
      workspaceId: job.workspaceId,
      ...job.importFile.facts,
    });
  }
  if (job.targetIds !== undefined) await insertTargets(trx, job.id, job.targetIds);
  if (job.retry !== undefined) {
    await copyTargets(trx, { jobId: job.retry.of, onlyLeft: job.retry.users === 'left' }, job.id);
  }
  await recordActivity(trx, {
    workspaceId: job.workspaceId,
    kind: `${job.type}Started`,
    actorKeyId: job.actorKeyId,
    jobId: job.id,
    ...(job.reason !== undefined && { reason: job.reason }),
  });
  return true;
};

const insertRow = (trx: Trx, job: NewJob, selection: string | RawBuilder<string>) =>
  trx
    .insertInto('jobs')
    .values({
      id: job.id,
      workspace_id: job.workspaceId,
      type: job.type,
      selection,
      options: JSON.stringify(job.options),
      reason: job.reason ?? null,
      actor_key_id: job.actorKeyId,
      preview_id: job.previewId ?? null,
      backup_id: job.backupId ?? null,
      import_file_id: job.importFile?.id ?? null,
      retry_of: job.retry?.of ?? null,
      idempotency_key: job.idempotency?.key ?? null,
      request_hash: job.idempotency?.requestHash ?? null,
      request_id: job.requestId ?? null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id');

/**
 * Inserts the job and its targets in one statement, so that the selection's count is that of the
 * inserted targets.
 */
const insertWithTargets = async (
  trx: Trx,
  job: NewJob,
  { listId, users, are, entries, confirmed }: NonNullable<NewJob['targetsOf']>,
): Promise<boolean> => {
  if (confirmed === undefined) await requireUserList(trx, listId);
  const selection = sql<string>`jsonb_strip_nulls(jsonb_build_object('type', 'list',
    'listId', ${listId}::text, 'count', (SELECT count(*) FROM named), 'entries', ${entries ?? null}::int))`;
  const { rows } = await sql<{ count: number }>`
    WITH named AS MATERIALIZED (${users}), job AS (${insertRow(trx, job, selection)}),
    targets AS (${are === 'addresses' ? INSERT_ADDRESSES : INSERT_TARGETS})
    SELECT (SELECT count(*) FROM named) FROM job`.execute(trx);
  const [written] = rows;
  if (written === undefined) return false;
  if (confirmed === undefined || confirmed === written.count) return true;
  throw new Error(`preview ${job.previewId} named ${confirmed} users, and has ${written.count}`);
};

const insertTargets = async (trx: Trx, jobId: string, ids: readonly string[]): Promise<void> => {
  await sql`
    INSERT INTO job_targets (job_id, pass, user_id)
    SELECT ${jobId}, 1, user_id FROM unnest(${ids}::text[]) AS user_id
    ON CONFLICT DO NOTHING
  `.execute(trx);
};
