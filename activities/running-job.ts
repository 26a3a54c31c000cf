import type { Db } from '../db/client.ts';
import { findRunningJob } from '../db/job-runs.ts';
import type { Compression, JobState } from '../db/schema.ts';
import type { FrozenSelection } from '../selection/selection.ts';
import type { JobType } from '../workflows/contract.ts';
import { failures } from './failures.ts';

export interface RunningJob {
  id: string;
  type: JobType;
  workspaceId: string;
  selection: FrozenSelection;
  options: { compression?: Compression; notify?: boolean };
  previewId: string | null;
  /** The backup a restore takes from. */
  backupId: string | null;
  /** The delete-all request it is the run of. */
  parentId: string | null;
  /** The count the admin confirmed; null where none was asked for. */
  confirmedCount: number | null;
}

/** A job in whatever state. @throws jobNotRunning when there is none */
export const findJobOf = async (
  db: Db,
  jobId: string,
): Promise<RunningJob & { state: JobState }> => {
  const row = await findRunningJob(db, jobId);
  if (row === undefined) throw failures.jobNotRunning(jobId, 'unknown');
  return {
    id: row.id,
    type: row.type,
    state: row.state,
    workspaceId: row.workspace_id,
    selection: row.selection as FrozenSelection,
    options: row.options as RunningJob['options'],
    previewId: row.preview_id,
    backupId: row.backup_id,
    parentId: row.parent_id,
    confirmedCount: row.confirmed_count,
  };
};

/** @throws jobNotRunning when it was cancelled or has ended: then there is nothing left to do */
export const getRunningJob = async (db: Db, jobId: string): Promise<RunningJob> => {
  const job = await findJobOf(db, jobId);
  if (job.state !== 'running') throw failures.jobNotRunning(jobId, job.state);
  return job;
};
