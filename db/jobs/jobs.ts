import { type RawBuilder, sql } from 'kysely';
import { recordActivity } from '../activity.ts';
import type { Db, Trx } from '../client.ts';
import type { JobType } from '../../workflows/contract.ts';
import { allowLong } from '../connections/long-statements.ts';
import { insertImportFile } from '../imports/import-files.ts';
import { UNBEGUN_COUNTS } from './named-users.ts';
import { copyTargets, isRetryable, retriedBy } from './retries.ts';
import type { JobState } from '../schema.ts';
import { requireUserList } from '../users/user-lists.ts';

/** Longest wait for an open batch of the job to end before a cancel gives up. */
const CANCEL_LOCK_TIMEOUT = '8s';

export interface NewJob {
  id: string;
  workspaceId: string;
  type: JobType;
  /**
   * Frozen. One of ids or of a list holds their count; the ids are `targetIds`, or come from
   * `targetsOf`.
   */
  selection: object;
  options: object;
  reason?: string;
  actorKeyId: string;
  previewId?: string;
  /**
   * The backup a restore takes from; locked while the job is written, so that it is not destroyed
   * first.
   */
  backupId?: string;
  /** The file an import reads, with the facts of one that was just uploaded. */
  importFile?: { id: string; facts?: { bytes: number; sha256: string } };
  idempotency?: { key: string; requestHash: string };
  /** The request that asked for it, as the log has it. */
  requestId?: string;
  targetIds?: readonly string[];
  /**
   * Where the users of a list are: `users` is a query of their ids, which are looked up as the job
   * is written. The job counts them in its selection, and `entries`, where some may name nobody. So
   * many were `confirmed` before, if at all: then the list may be gone. Of `addresses` nobody can
   * say yet who has them.
   */
  targetsOf?: {
    listId: string;
    users: RawBuilder<unknown>;
    are?: 'users' | 'addresses';
    entries?: number;
    confirmed?: number;
  };
  /**
   * The job this one tries again, and whether its users are those that one has left, or all of its.
   */
  retry?: { of: string; users: 'left' | 'all' };
}

/** Jobs as the API tells of them, with who started them and how long their phase has lasted. */
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

export type JobRow = Awaited<ReturnType<ReturnType<typeof jobRows>['executeTakeFirstOrThrow']>>;

const insertTargets = async (trx: Trx, jobId: string, ids: readonly string[]): Promise<void> => {
  await sql`
    INSERT INTO job_targets (job_id, pass, user_id)
    SELECT ${jobId}, 1, user_id FROM unnest(${ids}::text[]) AS user_id
    ON CONFLICT DO NOTHING
  `.execute(trx);
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

/** Write down whom a query has `named`, for a `job` of the same statement. */
const INSERT_TARGETS = sql`INSERT INTO job_targets (job_id, pass, user_id)
  SELECT job.id, 1, named.user_id FROM job, named`;
const INSERT_ADDRESSES = sql`INSERT INTO job_addresses (job_id, address)
  SELECT job.id, named.address FROM job, named`;

/**
 * The job and its targets in one statement, so that its selection counts the very users it is
 * about.
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

/**
 * Writes a job with its targets and its line in the activity log, all or nothing. False when its
 * idempotency key, its preview or the job it retries belongs to a job already; nothing is written
 * then.
 */
export const insertJob = (db: Db, job: NewJob): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    await allowLong(trx);
    return insertJobIn(trx, job);
  });

/** A job by its id; of one workspace, or of any when that is null. */
export const findJobRow = (db: Db, id: string, workspaceId: string | null) =>
  jobRows(db)
    .where('jobs.id', '=', id)
    .$if(workspaceId !== null, (query) => query.where('jobs.workspace_id', '=', workspaceId ?? ''))
    .executeTakeFirst();

export const findJobByKey = (db: Db, workspaceId: string, key: string) =>
  jobRows(db)
    .where('jobs.workspace_id', '=', workspaceId)
    .where('jobs.idempotency_key', '=', key)
    .executeTakeFirst();

/** The job a preview was confirmed for. */
export const findJobOfPreview = (db: Db, previewId: string) =>
  jobRows(db).where('jobs.preview_id', '=', previewId).executeTakeFirst();

/**
 * Ends a job that Temporal did not take, so that nothing starts it later, and gives its preview
 * back, or the job it was to retry. False when it is not queued any more: then it was taken after
 * all.
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
 * Ends a queued job, and tells a running one to stop. Waits for the job's open batch, which holds a
 * share lock on its row; after that no further batch can commit. False when it was ended or told
 * before.
 *
 * @throws the lock timeout (55P03) when the batch outlasts the wait; nothing is changed then
 */
export const cancelJob = (
  db: Db,
  { id, actorKeyId }: { id: string; actorKeyId: string },
): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    await sql`SELECT set_config('lock_timeout', ${CANCEL_LOCK_TIMEOUT}, true)`.execute(trx);
    const job = await trx
      .updateTable('jobs')
      .set({
        state: sql<JobState>`CASE state WHEN 'queued' THEN 'cancelled' ELSE 'cancelling' END`,
        counts: sql<string>`CASE state WHEN 'queued' THEN ${UNBEGUN_COUNTS} ELSE counts END`,
        finished_at: sql<Date | null>`CASE state WHEN 'queued' THEN now() END`,
      })
      .where('id', '=', id)
      .where('state', 'in', ['queued', 'running', 'waiting'])
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
