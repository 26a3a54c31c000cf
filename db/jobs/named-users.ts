import { type RawBuilder, sql } from 'kysely';

type Count = RawBuilder<number>;

/** How many users a job names, by their ids or by mail addresses that are yet to be looked up. */
export const countNamed = (jobId: RawBuilder<unknown>): Count => sql<number>`(
  (SELECT count(*) FROM job_targets WHERE job_id = ${jobId} AND pass = 1)
  + (SELECT count(*) FROM job_addresses WHERE job_id = ${jobId}))`;

/** How many users were deleted by a backup. */
export const countDeletedBy = (backupId: RawBuilder<unknown>): Count =>
  sql<number>`(SELECT sum(deleted) FROM export_parts WHERE export_id = ${backupId})`;

/** Of a deletion that never began: everyone it was about is unprocessed. */
const UNBEGUN_DELETION = sql`
  (SELECT jsonb_build_object('selected', n, 'deleted', 0, 'changedSinceBackup', 0, 'notFound', 0,
                             'held', 0, 'failed', 0, 'unprocessed', n)
     FROM (SELECT coalesce(nullif(${countNamed(sql`jobs.id`)}, 0),
       (SELECT count FROM previews WHERE previews.id = jobs.preview_id), 0) AS n) AS about)`;

/** The same of a restore. */
const UNBEGUN_RESTORE = sql`
  (SELECT jsonb_build_object('selected', n, 'restored', 0, 'present', 0, 'notFound', 0,
                             'failed', 0, 'unprocessed', n)
     FROM (SELECT coalesce(nullif(${countNamed(sql`jobs.id`)}, 0),
       CASE WHEN jobs.selection->>'type' = 'all' THEN ${countDeletedBy(sql`jobs.backup_id`)} END,
       0) AS n) AS about)`;

/**
 * What a job has come to that never began; of other kinds than deletions and restores what its row
 * has.
 */
export const UNBEGUN_COUNTS = sql<string>`CASE jobs.type WHEN 'deletion' THEN ${UNBEGUN_DELETION}
  WHEN 'restore' THEN ${UNBEGUN_RESTORE} ELSE jobs.counts END`;
