import { sql } from 'kysely';
import type { Db } from './client.ts';

/** How far a job is: rows its newest export holds, those looked at for deletion, users put back. */
export interface JobProgressRow {
  job_id: string;
  rows: number;
  cursor: number;
  restored: number;
}

/** Progress of each job, by the newest attempt of its newest export, or its restored chunks. */
export const listProgress = async (
  db: Db,
  jobIds: readonly string[],
): Promise<Map<string, JobProgressRow>> => {
  const { rows } = await sql<JobProgressRow>`
    SELECT DISTINCT ON (j.id) j.id AS job_id, p.rows, p.cursor,
           (SELECT coalesce(sum(restored + present), 0) FROM restore_chunks
             WHERE job_id = j.id) AS restored
      FROM jobs j
      LEFT JOIN exports e ON e.job_id = j.id
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(part.rows), 0) AS rows, coalesce(sum(part.cursor), 0) AS cursor
         FROM export_parts part
        WHERE part.export_id = e.id
          AND part.attempt = coalesce(e.attempt, (SELECT max(attempt) FROM export_attempts
                                                   WHERE export_id = e.id))) p
     WHERE j.id = ANY (${jobIds}::uuid[])
     ORDER BY j.id, e.pass DESC
  `.execute(db);
  return new Map(rows.map((row) => [row.job_id, row]));
};

/** Verified exports of jobs: the backups of a deletion, by pass, or the file of an export. */
export const listVerifiedExports = async (db: Db, jobIds: readonly string[]) =>
  jobIds.length === 0
    ? []
    : db
        .selectFrom('exports')
        .select(['id', 'job_id', 'rows', 'bytes', 'sha256', 'expires_at'])
        .where('job_id', 'in', [...jobIds])
        .where('state', '=', 'verified')
        .orderBy('pass')
        .execute();

export type VerifiedExport = Awaited<ReturnType<typeof listVerifiedExports>>[number];
