import { uuidv7 } from 'uuidv7';
import { createRestoreBackedUpUsers, createVerifyBackup } from '../../activities/restore-users.ts';
import { enterPhase, claimJob } from '../../db/job-runs.ts';
import { insertJob } from '../../db/jobs.ts';
import type { JobEnd } from '../../workflows/contract.ts';
import type { TestDatabase } from './database.ts';
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

/** Restores all users of a backup, or chosen ones, as a job does. @returns how it ended */
export const restoreUsers = async (
  { app }: TestDatabase,
  steps: DeletionSteps,
  { workspaceId, keyId }: SeededWorkspace,
  backupId: string,
  ids?: string[],
) => {
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
  await claimJob(app.db, jobId, 'test-run');
  const run = async (): Promise<JobEnd> => {
    try {
      await createVerifyBackup(steps.deps)({ jobId }, never);
      await enterPhase(app.db, jobId, 'restoring');
      await createRestoreBackedUpUsers(steps.deps)({ jobId }, never);
      return { kind: 'completed' };
    } catch (error) {
      const { type, message } = error as { type?: string; message: string };
      return { kind: 'failed', type: type ?? 'unknown', message };
    }
  };
  return { jobId, ...(await steps.finish({ jobId, end: await run() })) };
};
