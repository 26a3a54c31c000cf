import { sql, type RawBuilder } from 'kysely';
import { FILE_ERRORS } from '../../imports/file-error.ts';
import { LEFT_USERS } from '../../rules/left-users.ts';
import { namesItsUsers } from '../../selection/frozen-selection.ts';
import type { Db, Trx } from '../client.ts';
import { UNMATCHED } from './outcomes.ts';
import { countTargets } from './settlement.ts';

/** The former name of `deleteAllRequired`, in rows and histories of earlier versions. */
export const OLD_DELETE_ALL_REQUIRED = 'delete-all-required';

/** Errors that a retry cannot change: they need a new preview, selection or file. */
const FINAL_ERRORS = [
  'selectionChanged',
  'selectionUnreadable',
  'deleteAllRequired',
  OLD_DELETE_ALL_REQUIRED,
  'everyLineFailed',
  'importFileDamaged',
  ...FILE_ERRORS,
];

/** Whether a job that failed with this error may be retried unchanged. */
export const mayRetryAfter = (errorType: string): boolean => !FINAL_ERRORS.includes(errorType);

/**
 * Users that a job left because they no longer match, so that a retry would not select them. Counts
 * on an index.
 */
const unmatchedCount = sql<number>`(SELECT count(*) FROM outcomes
  WHERE outcomes.job_id = jobs.id AND outcomes.reason = ${sql.lit(UNMATCHED)})`;

/** Number of users that a deletion or restore has left to process, from its counts. */
const leftCount = sql<number>`(${sql.join(
  LEFT_USERS.map((name) => sql`coalesce((jobs.counts->>${sql.lit(name)})::bigint, 0)`),
  sql` + `,
)} - ${unmatchedCount})`;

/** Whether an outcome is that of a user who is left to process. */
const isLeft = sql<boolean>`(outcome = ANY (${[...LEFT_USERS]}::text[])
  AND reason IS DISTINCT FROM ${sql.lit(UNMATCHED)})`;

/**
 * Whether a job may be retried: it has ended, has left work that may be done now, and was not
 * retried before.
 */
export const isRetryable: RawBuilder<boolean> = sql<boolean>`(
  jobs.finished_at IS NOT NULL AND jobs.erased_at IS NULL
  AND coalesce(jobs.error_type, '') <> ALL (${FINAL_ERRORS}::text[])
  AND CASE jobs.type WHEN 'deletion' THEN ${leftCount} > 0
                     ELSE jobs.state IN ('failed', 'cancelled')
                          OR (jobs.type = 'restore' AND ${leftCount} > 0) END
  AND NOT EXISTS (SELECT FROM jobs AS next WHERE next.retry_of = jobs.id)
  AND NOT EXISTS (SELECT FROM import_files WHERE id = jobs.import_file_id AND removed_at IS NOT NULL))`;

/** The job that retried this job; at most one. */
export const retriedBy = sql<
  string | null
>`(SELECT id FROM jobs AS next WHERE next.retry_of = jobs.id)`;

/**
 * Whether the outcomes name every user that a deletion has left. If the deletion failed before its
 * backup was verified, or its file is lost, such users are counted but not known.
 */
export const namesAllLeft = async (db: Db, jobId: string): Promise<boolean> => {
  const { rows } = await sql<{ isComplete: boolean }>`
    SELECT ${leftCount} = (SELECT count(*) FROM outcomes
                            WHERE job_id = jobs.id AND ${isLeft}) AS "isComplete"
      FROM jobs WHERE id = ${jobId}`.execute(db);
  return rows[0]?.isComplete ?? false;
};

/**
 * Whether a retry of a deletion has exactly the users that it left: they are named by its outcomes,
 * its selection, or as targets. Otherwise it evaluates the selection again.
 */
export const retriesNamedUsers = async (
  db: Db,
  { id, selection }: { id: string; selection: unknown },
): Promise<boolean> =>
  namesItsUsers(selection as { type: string }) ||
  (await namesAllLeft(db, id)) ||
  (await countTargets(db, id, 1)) > 0;

/** Whether an ended deletion has left only users who no longer match its selection. */
export const leftOnlyUnmatched = async (db: Db, jobId: string): Promise<boolean> => {
  const { rows } = await sql<{ isSo: boolean }>`
    SELECT ${leftCount} = 0 AND ${unmatchedCount} > 0 AS "isSo" FROM jobs
     WHERE id = ${jobId} AND type = 'deletion' AND finished_at IS NOT NULL`.execute(db);
  return rows[0]?.isSo ?? false;
};

/**
 * Copies the targets of a job to its retry: all of them, or the users it has left. Email addresses
 * are copied only if the job failed before it looked them up; the look-up replaces addresses by ids
 * and outcomes.
 */
export const copyTargets = async (
  trx: Trx,
  from: { jobId: string; onlyLeft: boolean },
  toJobId: string,
): Promise<void> => {
  const users = from.onlyLeft
    ? sql`SELECT user_id FROM outcomes WHERE job_id = ${from.jobId} AND ${isLeft}`
    : sql`SELECT user_id FROM job_targets WHERE job_id = ${from.jobId} AND pass = 1`;
  await sql`INSERT INTO job_targets (job_id, pass, user_id)
    SELECT ${toJobId}::uuid, 1, user_id FROM (${users}) AS users`.execute(trx);
  await sql`INSERT INTO job_addresses (job_id, address)
    SELECT ${toJobId}::uuid, address FROM job_addresses WHERE job_id = ${from.jobId}::uuid`.execute(
    trx,
  );
};

/** The confirmation at the start of a job's chain of retries. */
export interface Confirmation {
  /** The job and all jobs that it retries, the first job first. */
  chain: string[];
  /** The first job's preview, and the count that the preview showed. */
  previewId: string | null;
  count: number | null;
}

export const findConfirmation = async (db: Db, jobId: string): Promise<Confirmation> => {
  const { rows } = await sql<{ id: string; previewId: string | null; count: number | null }>`
    WITH RECURSIVE chain AS (
      SELECT id, retry_of, preview_id, 1 AS step FROM jobs WHERE id = ${jobId}
      UNION ALL
      SELECT j.id, j.retry_of, j.preview_id, step + 1 FROM jobs j JOIN chain ON j.id = chain.retry_of)
    SELECT chain.id, chain.preview_id AS "previewId", previews.count
      FROM chain LEFT JOIN previews ON previews.id = chain.preview_id ORDER BY step DESC`.execute(
    db,
  );
  return {
    chain: rows.map(({ id }) => id),
    previewId: rows[0]?.previewId ?? null,
    count: rows[0]?.count ?? null,
  };
};
