import { sql } from 'kysely';
import { recordActivity } from '../activity.ts';
import type { Db } from '../client.ts';
import { countLeft } from '../../rules/left-users.ts';
import { countDeletedBy, countNamed } from './named-users.ts';
import type { FinalState, JobResult, JobType } from '../../workflows/contracts/jobs.ts';
import type { Confirmation } from './retries.ts';

/**
 * Whether an insert-only row was written by the transaction that it names. If not, the row was
 * copied from another database, and its transaction ids mean nothing here.
 */
const trusted = sql<boolean>`xmin = recorded_in::xid`;

/** The stored end of a job, with the number of users for each outcome. */
export type StoredResult = JobResult & { counts: Record<string, number> };

/** Most reasons stored for a job; the most frequent ones. */
const MAX_REASONS = 100;

/**
 * The row of a job for activities. `has_targets`: its users are given by id. `has_addresses`: its
 * email addresses have not been looked up yet. `is_mailed`: the provider may have its mail.
 */
export const findRunningJob = (db: Db, jobId: string) =>
  db
    .selectFrom('jobs')
    .selectAll('jobs')
    .select(
      sql<boolean>`EXISTS (SELECT FROM job_targets WHERE job_id = jobs.id AND pass = 1)`.as(
        'has_targets',
      ),
    )
    .select(
      sql<string>`(SELECT shown_id FROM api_keys WHERE id = jobs.actor_key_id)`.as('asked_by'),
    )
    .select(
      sql<boolean>`EXISTS (SELECT FROM job_addresses WHERE job_id = jobs.id)`.as('has_addresses'),
    )
    .select(
      sql<boolean>`EXISTS (SELECT FROM notices WHERE job_id = jobs.id AND attempts > 0)`.as(
        'is_mailed',
      ),
    )
    .where('jobs.id', '=', jobId)
    .executeTakeFirst();

/** Moves a queued job to `running`, or assigns a running job to a new run after a reset. */
export const claimJob = async (db: Db, jobId: string, runId: string): Promise<void> => {
  await db
    .updateTable('jobs')
    .set({
      state: sql`CASE state WHEN 'queued' THEN 'running' ELSE state END`,
      run_id: runId,
      // For chosen users, the total is the number of given ids and addresses, whether a user exists
      // or not. A job that names no user is not one for all users, so 0 becomes null.
      total: sql`coalesce(total, nullif(${countNamed(sql`${jobId}::uuid`)}, 0),
        (SELECT count FROM previews WHERE id = preview_id),
        CASE WHEN selection->>'type' = 'all' THEN ${countDeletedBy(sql`backup_id`)} END)`,
      started_at: sql`coalesce(started_at, now())`,
    })
    .where('id', '=', jobId)
    .where('finished_at', 'is', null)
    .execute();
};

/** The facts that identify a job's run. Undefined if the job does not exist. */
export const findJobClaim = (db: Db, jobId: string) =>
  db
    .selectFrom('jobs')
    .select(['id', 'type', 'state', 'run_id', 'finished_at'])
    .where('id', '=', jobId)
    .executeTakeFirst();

/**
 * Moves a running job to a phase of a pass, by default that of its last phase. This update waits
 * for an open batch, which holds a lock on the job's row. After it, no batch of an earlier phase
 * can commit. A phase that the job is in, or was in before a reset, is continued.
 */
export const enterPhase = async (
  db: Db,
  jobId: string,
  phase: string,
  pass?: number,
): Promise<void> => {
  await db
    .updateTable('jobs')
    .set({ phase, phase_started_at: sql`now()`, phases: phasesWith(phase, pass) })
    .where('id', '=', jobId)
    .where('finished_at', 'is', null)
    .where('phase', 'is distinct from', phase)
    .execute();
};

/** Seconds since a job entered its phase, by the database's clock. Without a phase, 0. */
export const secondsInPhase = async (db: Db, jobId: string): Promise<number> => {
  const row = await db
    .selectFrom('jobs')
    .select(
      sql<number>`coalesce(extract(epoch FROM clock_timestamp() - phase_started_at), 0)::float8`.as(
        'seconds',
      ),
    )
    .where('id', '=', jobId)
    .executeTakeFirst();
  return row?.seconds ?? 0;
};

/** Stores the number of users that the job is for, once it is known. */
export const setJobTotal = async (db: Db, jobId: string, total: number): Promise<void> => {
  await db
    .updateTable('jobs')
    .set({ total })
    .where('id', '=', jobId)
    .where('finished_at', 'is', null)
    .execute();
};

/**
 * The snapshot that a written backup was read under, and the subtransactions that had ended by
 * then.
 */
export const findAttemptSnapshot = (db: Db, exportId: string) =>
  attemptSnapshots(db).select('a.ended_xids').where('exports.id', '=', exportId).executeTakeFirst();

/** The last pass that a job began: the highest one that has targets, or the first. */
export const lastPassOf = async (db: Db, jobId: string): Promise<number> => {
  const { last } = await db
    .selectFrom('job_targets')
    .select((eb) => eb.fn.coalesce(eb.fn.max('pass'), eb.lit(1)).as('last'))
    .where('job_id', '=', jobId)
    .executeTakeFirstOrThrow();
  return last;
};

/** The end of a finished job; undefined while it has not ended. */
export const findStoredResult = async (
  db: Db,
  jobId: string,
): Promise<StoredResult | undefined> => {
  const row = await db
    .selectFrom('jobs')
    .select(['type', 'state', 'counts', 'error_type', 'error_message', 'error_data', 'finished_at'])
    .where('id', '=', jobId)
    .executeTakeFirst();
  if (!row || row.finished_at === null) return undefined;
  const counts = (row.counts ?? {}) as Record<string, number>;
  return {
    state: row.state as JobResult['state'],
    failures: countLeft(row.type, counts),
    counts,
    ...(row.error_type !== null && {
      error: {
        type: row.error_type,
        message: row.error_message ?? '',
        ...(row.error_data !== null && { data: row.error_data }),
      },
    }),
  };
};

/**
 * The final state of a job and its number of deleted users. Null if the job has not ended or does
 * not exist.
 */
export const findRunEnd = async (
  db: Db,
  jobId: string | null,
): Promise<{ state: FinalState; deleted: number } | null> => {
  if (jobId === null) return null;
  const row = await db
    .selectFrom('jobs')
    .select(['state', 'counts', 'finished_at'])
    .where('id', '=', jobId)
    .executeTakeFirst();
  if (!row || row.finished_at === null) return null;
  const { deleted = 0 } = (row.counts ?? {}) as Record<string, number>;
  return { state: row.state as FinalState, deleted };
};

/** Stores the end of a job and its line in the activity log, unless the job has ended before. */
export const finishJob = async (
  db: Db,
  end: {
    jobId: string;
    workspaceId: string;
    type: JobType;
    result: JobResult;
    counts: Record<string, number>;
  },
): Promise<StoredResult> => {
  const { state, error } = end.result;
  await db.transaction().execute(async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('jobs')
      .set({
        state,
        phase: null,
        counts: JSON.stringify(end.counts),
        error_type: error?.type ?? null,
        error_message: error?.message ?? null,
        error_data: error?.data === undefined ? null : JSON.stringify(error.data),
        finished_at: sql`now()`,
        ...(end.type !== 'export' && { reasons: reasonsOf(end.jobId) }),
      })
      .where('id', '=', end.jobId)
      .where('finished_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return;
    await recordActivity(trx, {
      workspaceId: end.workspaceId,
      kind: `${end.type}Finished`,
      jobId: end.jobId,
      counts: end.counts,
      details: { state, ...(error !== undefined && { error: error.type }) },
    });
  });
  return (await findStoredResult(db, end.jobId)) ?? { ...end.result, counts: end.counts };
};

/**
 * Unfinished jobs older than `seconds`, oldest first. Queued jobs with a parent are left out,
 * except retries, because the workflow of the parent request starts them.
 */
export const listStaleJobs = (db: Db, seconds: number, limit: number) =>
  db
    .selectFrom('jobs')
    .select(['id', 'type', 'state', 'workspace_id'])
    .where('finished_at', 'is', null)
    .where((eb) =>
      eb.or([
        eb('parent_id', 'is', null),
        eb('retry_of', 'is not', null),
        eb('state', '!=', 'queued'),
      ]),
    )
    .where('created_at', '<', sql<Date>`now() - make_interval(secs => ${seconds})`)
    .orderBy('created_at')
    .limit(limit)
    .execute();

/**
 * The snapshot in which every user of a job must exist: the preview's, or without a preview, that
 * of the first backup. A retry uses the snapshot of the first job in its chain. Undefined if there
 * is no snapshot yet, or only an untrusted one.
 */
export const findSelectionSnapshot = (
  db: Db,
  { previewId, chain }: Confirmation,
): Promise<string | undefined> =>
  previewId === null ? findFirstSnapshot(db, chain) : findPreviewSnapshot(db, previewId);

/**
 * The phases of a job up to the given one. If the job was in it before, the later phases are left
 * out: they begin again.
 */
const phasesWith = (phase: string, pass: number | undefined) => {
  const entered = sql`jsonb_build_object('phase', ${phase}::text,
    'pass', coalesce(${pass ?? null}::int, (jobs.phases -> -1 ->> 'pass')::int, 1))`;
  return sql<string>`coalesce(
    (SELECT jsonb_agg(before.entry ORDER BY before.n)
       FROM jsonb_array_elements(jobs.phases) WITH ORDINALITY AS before (entry, n)
       JOIN jsonb_array_elements(jobs.phases) WITH ORDINALITY AS known (entry, n)
         ON known.entry @> ${entered} AND before.n <= known.n),
    jobs.phases || (${entered} || jsonb_build_object('startedAt', now())))`;
};

const attemptSnapshots = (db: Db) =>
  db
    .selectFrom('exports')
    .innerJoin('export_attempts as a', (join) =>
      join.onRef('a.export_id', '=', 'exports.id').onRef('a.attempt', '=', 'exports.attempt'),
    )
    .select('a.snapshot');

/**
 * The reasons in a job's outcomes, with the number of users for each. A reason holds codes and
 * names of constraints and functions, never a user's data.
 */
const reasonsOf = (jobId: string) => sql<string>`(
  SELECT coalesce(jsonb_agg(jsonb_build_object('reason', reason, 'count', count)
                            ORDER BY count DESC, reason), '[]')
    FROM (SELECT reason, count(*) AS count FROM outcomes
           WHERE job_id = ${jobId}::uuid AND reason IS NOT NULL
           GROUP BY reason ORDER BY count(*) DESC, reason LIMIT ${MAX_REASONS}) AS r)`;

/** The snapshot of the oldest first-pass backup of any of these jobs. */
const findFirstSnapshot = async (db: Db, jobIds: readonly string[]) =>
  (
    await attemptSnapshots(db)
      .where('exports.job_id', 'in', jobIds)
      .where('exports.pass', '=', 1)
      .where(sql<boolean>`a.xmin = a.recorded_in::xid`)
      .orderBy('exports.created_at')
      .limit(1)
      .executeTakeFirst()
  )?.snapshot;

const findPreviewSnapshot = async (db: Db, previewId: string) =>
  (
    await db
      .selectFrom('previews')
      .select('snapshot')
      .where('id', '=', previewId)
      .where(trusted)
      .executeTakeFirst()
  )?.snapshot;
