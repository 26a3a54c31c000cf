import { uuidv7 } from 'uuidv7';
import { toFailure } from '../../../activities/failures.ts';
import {
  createRestoreBackedUpUsers,
  createVerifyBackup,
} from '../../../activities/restores/restore-users.ts';
import { enterPhase, claimJob } from '../../../db/jobs/job-runs.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import type { JobEnd } from '../../../workflows/contracts/jobs.ts';
import type { TestDatabase } from '../database/database.ts';
import { type DeletionSteps, type SeededWorkspace, startDeletion } from './deletion.ts';

const never = new AbortController().signal;

/** Users as PostgreSQL writes them, by id, without the stamps, which must change. */
export const rowsOf = async (
  { owner }: TestDatabase,
  workspaceId: string,
): Promise<Record<string, string>> => {
  const { rows } = await owner.pool.query<{ id: string; text: string }>(
    `SELECT user_id AS id, (to_jsonb(u) - 'written_in' - 'inserted_in')::text AS text
       FROM users u WHERE workspace_id = $1 ORDER BY user_id`,
    [workspaceId],
  );
  return Object.fromEntries(rows.map(({ id, text }) => [id, text]));
};

/** Deletes chosen users as a job does. @returns the job and its backup */
export const deleteUsers = async (
  database: TestDatabase,
  steps: DeletionSteps,
  workspace: SeededWorkspace,
  ids: string[],
) => {
  const jobId = await startDeletion(database, workspace, { ids });
  const { exportId } = await steps.backUp(jobId);
  const { deleted } = await steps.remove(jobId, exportId);
  await steps.settle(jobId, 1);
  const result = await steps.finish({ jobId, end: { kind: 'completed' } });
  return { jobId, exportId, deleted, result };
};

/** Runs a queued restore as its workflow does. @returns how it ended */
export const runRestore = async (
  { worker }: TestDatabase,
  { deps, finish }: DeletionSteps,
  jobId: string,
) => {
  await claimJob(worker.db, jobId, 'test-run');
  const run = async (): Promise<JobEnd> => {
    try {
      await enterPhase(worker.db, jobId, 'verifyingBackup');
      await createVerifyBackup(deps)({ jobId }, never);
      await enterPhase(worker.db, jobId, 'restoring');
      await createRestoreBackedUpUsers(deps)({ jobId }, never);
      return { kind: 'completed' };
    } catch (error) {
      const { type, message } = toFailure(error) as Error & { type?: string };
      return { kind: 'failed', type: type ?? 'unknown', message };
    }
  };
  return finish({ jobId, end: await run() });
};

/** A queued restore of all users of a backup, or of chosen ones. @returns its id */
export const queueRestore = async (
  { app }: TestDatabase,
  { workspaceId, keyId }: SeededWorkspace,
  backupId: string,
  ids?: string[],
): Promise<string> => {
  const jobId = uuidv7();
  await insertJob(app.db, {
    id: jobId,
    workspaceId,
    type: 'restore',
    selection: ids === undefined ? { type: 'all' } : { type: 'ids', count: ids.length },
    options: {},
    actorKeyId: keyId,
    backupId,
    ...(ids !== undefined && { targetIds: ids }),
  });
  return jobId;
};

/** Restores all users of a backup, or chosen ones, as a job does. @returns how it ended */
export const restoreUsers = async (
  database: TestDatabase,
  steps: DeletionSteps,
  workspace: SeededWorkspace,
  backupId: string,
  ids?: string[],
) => {
  const jobId = await queueRestore(database, workspace, backupId, ids);
  return { jobId, ...(await runRestore(database, steps, jobId)) };
};
