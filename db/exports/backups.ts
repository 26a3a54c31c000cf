import { sql } from 'kysely';
import type { Db } from '../client.ts';
import { isFileOver } from './file-expiry.ts';

export type BackupRow = Awaited<ReturnType<ReturnType<typeof backupRows>['execute']>>[number];

/**
 * Backups of one workspace, of all, or of one deletion, newest first. Counts on the index
 * `backups_newest`, `backups_newest_of_all`, or the index of exports by job.
 */
export const listBackups = (
  db: Db,
  page: {
    /** Null for all workspaces. */
    workspaceId: string | null;
    deletionId?: string | undefined;
    beforeId?: string | undefined;
    limit: number;
  },
) => {
  let query = backupRows(db);
  if (page.workspaceId !== null) query = query.where('workspace_id', '=', page.workspaceId);
  if (page.deletionId !== undefined) query = query.where('job_id', '=', page.deletionId);
  if (page.beforeId !== undefined) {
    query = query.where(
      sql<boolean>`(created_at, id) < (SELECT created_at, id FROM exports WHERE id = ${page.beforeId})`,
    );
  }
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(page.limit).execute();
};

/** A backup by its id, in one workspace, or in any if `workspaceId` is null. */
export const findBackup = (db: Db, id: string, workspaceId: string | null) =>
  backupRows(db)
    .where('id', '=', id)
    .$if(workspaceId !== null, (query) => query.where('workspace_id', '=', workspaceId ?? ''))
    .executeTakeFirst();

const backupRows = (db: Db) =>
  db
    .selectFrom('exports')
    .selectAll()
    .select(isFileOver.as('is_over'))
    .where(sql<boolean>`purpose = 'backup'`);
