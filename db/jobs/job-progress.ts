import { sql } from 'kysely';
import type { Db } from '../client.ts';

/**
 * Progress of a job's current pass: users selected, written, processed for deletion, or restored;
 * lines imported.
 */
export interface JobProgressRow {
  job_id: string;
  pass: number;
  /**
   * Users that the previous pass handed to this one. Null for the first pass, which is for the
   * whole selection.
   */
  targets: number | null;
  /** In the newest attempt at the pass's export. */
  rows: number;
  cursor: number;
  restored: number;
  imported: number;
}

/**
 * Progress of jobs that have not ended. The targets of a further pass are stored while the previous
 * pass is being settled. So only from phase `backingUp` on do new targets mean a new current pass.
 */
export const listProgress = async (
  db: Db,
  jobIds: readonly string[],
): Promise<Map<string, JobProgressRow>> => {
  const { rows } = await sql<JobProgressRow>`
    SELECT j.id AS job_id, now_in.pass, p.rows, p.cursor,
           CASE WHEN now_in.pass > 1 THEN (SELECT count(*) FROM job_targets
             WHERE job_id = j.id AND pass = now_in.pass) END AS targets,
           (SELECT coalesce(sum(restored + present + failed), 0) FROM restore_chunks
             WHERE job_id = j.id) AS restored,
           (SELECT coalesce(sum(lines), 0) FROM import_chunks WHERE job_id = j.id) AS imported
      FROM jobs j
     CROSS JOIN LATERAL (
       SELECT coalesce(CASE j.phase
         WHEN 'backingUp' THEN (SELECT max(pass) FROM job_targets WHERE job_id = j.id)
         ELSE (SELECT max(pass) FROM exports WHERE job_id = j.id) END, 1) AS pass) now_in
      LEFT JOIN exports e ON e.job_id = j.id AND e.pass = now_in.pass
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(part.rows), 0) AS rows, coalesce(sum(part.cursor), 0) AS cursor
         FROM export_parts part
        WHERE part.export_id = e.id
          AND part.attempt = coalesce(e.attempt, (SELECT max(attempt) FROM export_attempts
                                                   WHERE export_id = e.id))) p
     WHERE j.id = ANY (${jobIds}::uuid[]) AND j.finished_at IS NULL
  `.execute(db);
  return new Map(rows.map((row) => [row.job_id, row]));
};

/** The users of one pass of an export or deletion, in its newest attempt. */
export interface PassFigures {
  pass: number;
  written: number;
  /** Users that were processed for deletion. */
  cursor: number;
}

/** The figures of all passes of each job, whether it has ended or not. */
export const listPassFigures = async (
  db: Db,
  jobIds: readonly string[],
): Promise<Map<string, PassFigures[]>> => {
  const { rows } = await sql<PassFigures & { jobId: string }>`
    SELECT e.job_id AS "jobId", e.pass, p.written, p.cursor
      FROM exports e
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(part.rows), 0) AS written, coalesce(sum(part.cursor), 0) AS cursor
         FROM export_parts part
        WHERE part.export_id = e.id
          AND part.attempt = coalesce(e.attempt, (SELECT max(attempt) FROM export_attempts
                                                   WHERE export_id = e.id))) p
     WHERE e.job_id = ANY (${jobIds}::uuid[])`.execute(db);
  const figures = new Map<string, PassFigures[]>();
  for (const { jobId, ...ofPass } of rows) {
    figures.set(jobId, [...(figures.get(jobId) ?? []), ofPass]);
  }
  return figures;
};

/** Those jobs that have a user with a known outcome, or a failed line. */
export const listJobsWithRecords = async (
  db: Db,
  jobIds: readonly string[],
): Promise<Set<string>> => {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM jobs
     WHERE id = ANY (${jobIds}::uuid[])
       AND (EXISTS (SELECT FROM outcomes WHERE job_id = jobs.id)
         OR EXISTS (SELECT FROM import_failures WHERE job_id = jobs.id)
         OR EXISTS (SELECT FROM done_batches
                     WHERE job_id = jobs.id AND cardinality(user_ids) > 0))
  `.execute(db);
  return new Set(rows.map(({ id }) => id));
};

/**
 * Verified exports of jobs: the backups of a deletion, by pass, or the file of an export. Includes
 * removed exports, because their figures remain as evidence.
 */
export const listVerifiedExports = async (db: Db, jobIds: readonly string[]) =>
  jobIds.length === 0
    ? []
    : db
        .selectFrom('exports')
        .select(['id', 'job_id', 'state', 'rows', 'bytes', 'sha256', 'expires_at', 'removed_at'])
        .where('job_id', 'in', [...jobIds])
        .where((eb) =>
          eb.or([
            eb('state', '=', 'verified'),
            eb.and([eb('state', '=', 'removed'), eb('verified_at', 'is not', null)]),
          ]),
        )
        .orderBy('pass')
        .execute();

export type VerifiedExport = Awaited<ReturnType<typeof listVerifiedExports>>[number];
