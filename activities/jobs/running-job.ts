import type { Db } from '../../db/client.ts';
import { findRunningJob } from '../../db/jobs/job-runs.ts';
import { type Confirmation, findConfirmation } from '../../db/jobs/retries.ts';
import type { ExportOptions, JobState } from '../../db/schema.ts';
import type { ImportOptions } from '../../imports/options.ts';
import { type FrozenSelection, namesItsUsers } from '../../selection/frozen-selection.ts';
import { failures } from '../failures.ts';

export type RunningJob = {
  id: string;
  workspaceId: string;
  selection: FrozenSelection;
  /** The confirmation of the selection. A retry has that of the first job. */
  confirmation: Confirmation;
  /** Whether the users are named one by one. */
  isChosen: boolean;
  /** Whether the job has email addresses that were not looked up yet. */
  hasAddresses: boolean;
  /** The number of users the job is about; null while unknown. */
  total: number | null;
  /** The id of the key that started the job, as the API shows it. */
  askedBy: string;
  reason: string | null;
  /** The id of the HTTP request that created the job, as in the API's log. */
  requestId: string | null;
  /** The backup that a restore reads. */
  backupId: string | null;
  /** The delete-all request whose run this job is. */
  parentId: string | null;
} & (
  | { type: 'export'; options: ExportOptions }
  | { type: 'import'; options: ImportOptions; importFileId: string }
  | { type: 'deletion' | 'restore'; options: { notify?: boolean } }
);

/** A job in any state. */
export type AnyJob = RunningJob & {
  state: JobState;
  phase: string | null;
  /** Whether the mail about its end may have reached the provider. */
  isMailed: boolean;
};

/** Finds a job in any state. @throws jobNotRunning when there is none */
export const findJobOf = async (db: Db, jobId: string): Promise<AnyJob> => {
  const [row, confirmation] = await Promise.all([
    findRunningJob(db, jobId),
    findConfirmation(db, jobId),
  ]);
  if (row === undefined) throw failures.jobNotRunning(jobId, 'unknown');
  const job = {
    id: row.id,
    type: row.type,
    state: row.state,
    phase: row.phase,
    isMailed: row.is_mailed,
    workspaceId: row.workspace_id,
    selection: row.selection as FrozenSelection,
    options: row.options,
    confirmation,
    // If a job of chosen users has lost its targets, it must be about no user, never about all
    // users.
    isChosen: row.has_targets || namesItsUsers(row.selection as FrozenSelection),
    hasAddresses: row.has_addresses,
    total: row.total,
    askedBy: row.asked_by,
    reason: row.reason,
    requestId: row.request_id,
    backupId: row.backup_id,
    importFileId: row.import_file_id,
    parentId: row.parent_id,
  };
  return job as AnyJob;
};

/** @throws jobNotRunning when the job was cancelled or has ended */
export const getRunningJob = async (db: Db, jobId: string): Promise<RunningJob> => {
  const job = await findJobOf(db, jobId);
  if (job.state !== 'running') throw failures.jobNotRunning(jobId, job.state);
  return job;
};
