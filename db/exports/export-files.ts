import type { Db } from '../client.ts';
import { isFileOver } from './file-expiry.ts';

/**
 * The file of an export job, by the job's id or the export's own. The columns of the export are
 * null until the job has begun to write the file.
 */
export const findDownload = (db: Db, workspaceId: string, id: string) =>
  db
    .selectFrom('jobs')
    .leftJoin('exports', 'exports.job_id', 'jobs.id')
    .selectAll('exports')
    .select(['jobs.id as job_id', 'jobs.workspace_id', isFileOver.as('is_over')])
    .where('jobs.workspace_id', '=', workspaceId)
    .where('jobs.type', '=', 'export')
    .where((eb) => eb.or([eb('jobs.id', '=', id), eb('exports.id', '=', id)]))
    .executeTakeFirst();
