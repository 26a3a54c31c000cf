import type { Db } from '../../db/client.ts';
import { findRunningJob } from '../../db/jobs/job-runs.ts';
import { type Confirmation, findConfirmation } from '../../db/jobs/retries.ts';
import type { ExportOptions, JobState } from '../../db/schema.ts';
import type { ImportOptions } from '../../imports/options.ts';
import { type FrozenSelection, namesItsUsers } from '../../selection/selection.ts';
import { failures } from '../failures.ts';

export type RunningJob = {
  id: string;
  workspaceId: string;
  selection: FrozenSelection;
  /** What its users were confirmed by; for a retry, what the first job's were. */
  confirmation: Confirmation;
  /** Whether its users are named, one by one. */
  isChosen: boolean;
  /** Whether it has mail addresses, and nobody has looked up yet whose they are. */
  hasAddresses: boolean;
  /** How many users it is about, once that is known. */
  total: number | null;
  /** The id that the key of who asked is shown by. */
  askedBy: string;
  reason: string | null;
  /** The request that asked for it, as the API's log has it. */
  requestId: string | null;
  /** The backup a restore takes from. */
  backupId: string | null;
  /** The delete-all request it is the run of. */
  parentId: string | null;
} & (
  | { type: 'export'; options: ExportOptions }
  | { type: 'import'; options: ImportOptions; importFileId: string }
  | { type: 'deletion' | 'restore'; options: { notify?: boolean } }
);

/** A job in whatever state. @throws jobNotRunning when there is none */
export const findJobOf = async (
  db: Db,
  jobId: string,
): Promise<RunningJob & { state: JobState }> => {
  const [row, confirmation] = await Promise.all([
    findRunningJob(db, jobId),
    findConfirmation(db, jobId),
  ]);
  if (row === undefined) throw failures.jobNotRunning(jobId, 'unknown');
  const job = {
    id: row.id,
    type: row.type,
    state: row.state,
    workspaceId: row.workspace_id,
    selection: row.selection as FrozenSelection,
    options: row.options,
    confirmation,
    // Without its targets a job of chosen users is about nobody, never about everyone.
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
  return job as RunningJob & { state: JobState };
};

/** @throws jobNotRunning when it was cancelled or has ended: then there is nothing left to do */
export const getRunningJob = async (db: Db, jobId: string): Promise<RunningJob> => {
  const job = await findJobOf(db, jobId);
  if (job.state !== 'running') throw failures.jobNotRunning(jobId, job.state);
  return job;
};
