import type { Db } from '../db/client.ts';
import { findRunningJob } from '../db/job-runs.ts';
import type { Compression } from '../db/schema.ts';
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
  /** The count the admin confirmed; null where none was asked for. */
  confirmedCount: number | null;
}

/** @throws jobNotRunning when it was cancelled or has ended: then there is nothing left to do */
export const getRunningJob = async (db: Db, jobId: string): Promise<RunningJob> => {
  const row = await findRunningJob(db, jobId);
  if (row === undefined) throw failures.jobNotRunning(jobId, 'unknown');
  if (row.state !== 'running') throw failures.jobNotRunning(jobId, row.state);
  return {
    id: row.id,
    type: row.type,
    workspaceId: row.workspace_id,
    selection: row.selection as FrozenSelection,
    options: row.options as RunningJob['options'],
    previewId: row.preview_id,
    confirmedCount: row.confirmed_count,
  };
};
