import { type RawBuilder, sql } from 'kysely';

type Count = RawBuilder<number>;

/** Number of users that a job names, by id or by an email address that has not been looked up. */
export const countNamed = (jobId: RawBuilder<unknown>): Count => sql<number>`(
  (SELECT count(*) FROM job_targets WHERE job_id = ${jobId} AND pass = 1)
  + (SELECT count(*) FROM job_addresses WHERE job_id = ${jobId}))`;

/** Number of users that were deleted by a backup. */
export const countDeletedBy = (backupId: RawBuilder<unknown>): Count =>
  sql<number>`(SELECT sum(deleted) FROM export_parts WHERE export_id = ${backupId})`;

/** The counts of a deletion that never began: all its users are unprocessed. */
const UNBEGUN_DELETION = sql`
  (SELECT jsonb_build_object('selected', n, 'deleted', 0, 'changedSinceBackup', 0, 'notFound', 0,
                             'held', 0, 'failed', 0, 'unprocessed', n)
     FROM (SELECT coalesce(nullif(${countNamed(sql`jobs.id`)}, 0),
       (SELECT count FROM previews WHERE previews.id = jobs.preview_id), 0) AS n) AS about)`;

/** The same for a restore. */
const UNBEGUN_RESTORE = sql`
  (SELECT jsonb_build_object('selected', n, 'restored', 0, 'present', 0, 'notFound', 0,
                             'failed', 0, 'unprocessed', n)
     FROM (SELECT coalesce(nullif(${countNamed(sql`jobs.id`)}, 0),
       CASE WHEN jobs.selection->>'type' = 'all' THEN ${countDeletedBy(sql`jobs.backup_id`)} END,
       0) AS n) AS about)`;

/**
 * The counts of a job that never began. Other types than deletions and restores keep the counts of
 * their row.
 */
export const UNBEGUN_COUNTS = sql<string>`CASE jobs.type WHEN 'deletion' THEN ${UNBEGUN_DELETION}
  WHEN 'restore' THEN ${UNBEGUN_RESTORE} ELSE jobs.counts END`;
