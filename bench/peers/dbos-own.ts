import { createImportThreads } from '../../activities/imports/import-threads.ts';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { createDeleteBackedUpUsers } from '../../activities/deletions/delete-backed-up-users.ts';
import type { ActivityDeps } from '../../activities/deps.ts';
import { createFinishJob } from '../../activities/jobs/finish-job.ts';
import { createSettlePass } from '../../activities/deletions/settle-pass.ts';
import { createVerifyExport } from '../../activities/exports/verify-export.ts';
import { createWriteExport } from '../../activities/exports/write-export.ts';
import { planConfirmedDeletion } from '../../api/deletions/plan-deletion.ts';
import { openDatabase } from '../../db/client.ts';
import { claimJob, enterPhase } from '../../db/jobs/job-runs.ts';
import { insertJob } from '../../db/jobs/jobs.ts';
import { createDirectoryStorage } from '../../storage/directory.ts';
import { MAX_PASSES } from '../../workflows/contracts/jobs.ts';

/** As many lanes as the worker has. */
const MAX_LANES = 16;

export interface OwnDeletion {
  workspaceId: string;
  keyId: string;
  preview: { id: string; count: number };
}

/**
 * Keepsake's deletion with DBOS instead of Temporal: the same steps in the same order, but no mail.
 */
export const createOwnDeletion = (appDatabaseUrl: string, storageDir: string) => {
  const database = openDatabase(appDatabaseUrl);
  const lanes = openDatabase(appDatabaseUrl, { maxConnections: MAX_LANES });
  const { db } = database;
  const deps: ActivityDeps = {
    database,
    lanes: lanes.pool,
    storage: createDirectoryStorage(storageDir),
    importThreads: createImportThreads(),
    meter: { rows: () => {}, batch: (batch) => batch },
    crashPoint: () => {},
  };
  const writeExport = createWriteExport(deps);
  const verifyExport = createVerifyExport(deps);
  const deleteBackedUpUsers = createDeleteBackedUpUsers(deps);
  const settlePass = createSettlePass(deps);
  const finishJob = createFinishJob(deps);
  const { signal } = new AbortController();

  const workflow = async (jobId: string): Promise<string> => {
    const enter = (phase: string) => step('enterPhase', () => enterPhase(db, jobId, phase));
    await step('claimJob', () => claimJob(db, jobId, 'dbos'));
    for (let pass = 1; pass <= MAX_PASSES; pass++) {
      await enter('backingUp');
      const { exportId } = await step('writeExport', () => writeExport({ jobId, pass }, signal));
      await enter('verifyingBackup');
      await step('verifyExport', () => verifyExport({ exportId }));
      await enter('deleting');
      const { deleted } = await step('deleteBackedUpUsers', () =>
        deleteBackedUpUsers({ jobId, exportId }, signal),
      );
      const isLast = pass === MAX_PASSES;
      const left = await step('settlePass', () => settlePass({ jobId, pass, isLast, deleted }));
      if (left.changed === 0) break;
    }
    const end = { kind: 'completed' } as const;
    return (await step('finishJob', () => finishJob({ jobId, end }))).state;
  };
  const registered = DBOS.registerWorkflow(workflow, { name: 'deleteWithOwnCode' });

  const run = async ({ workspaceId, keyId, preview }: OwnDeletion): Promise<void> => {
    const input = { previewId: preview.id, count: preview.count, reason: 'bench', notify: false };
    const planned = await planConfirmedDeletion(db, workspaceId, input);
    await insertJob(db, { ...planned, workspaceId, actorKeyId: keyId });
    const state = await registered(planned.id);
    if (state !== 'succeeded') throw new Error(`job ${planned.id} ended ${state}`);
  };

  return { run, close: () => Promise.all([lanes.close(), database.close()]) };
};

const step = <Result>(name: string, run: () => Promise<Result>): Promise<Result> =>
  DBOS.runStep(run, { name, retriesAllowed: true });
