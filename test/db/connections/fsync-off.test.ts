import { beforeEach, expect, test } from 'vitest';
import { toFailure } from '../../../activities/failures.ts';
import {
  countOf,
  inIndia,
  seedWorkspace,
  startDeletion,
  startExport,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { useOwnServer } from '../../support/database/own-server.ts';
import { waitFor } from '../../support/wait.ts';

// Set on the command line, as in other tests, the setting could not be changed by a reload.
const database = useOwnServer({ fsync: undefined });
const steps = useDeletionSteps(database);

/** As an operator that wants a faster server, and does not restart the server. */
const reload = async (fsync: 'on' | 'off'): Promise<void> => {
  await database().owner.pool.query(`ALTER SYSTEM SET fsync = ${fsync}`);
  await database().owner.pool.query('SELECT pg_reload_conf()');
  await waitFor(async () => {
    const { rows } = await database().app.pool.query<{ fsync: string }>('SHOW fsync');
    expect(rows).toEqual([{ fsync }]);
  });
};

beforeEach(() => reload('on'));

const failureOf = (failing: Promise<unknown>) =>
  failing.then(
    () => 'nothing was refused',
    (error: unknown) => toFailure(error),
  );

const notDurable = expect.objectContaining({ type: 'databaseNotDurable', nonRetryable: true });

test('nothing is deleted after a reload has switched fsync off', async () => {
  const workspace = await seedWorkspace(database(), 'fsync-step', 40);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 20 });
  const { exportId } = await steps.backUp(jobId);
  await reload('off');
  expect(await failureOf(steps.remove(jobId, exportId))).toEqual(notDurable);
  expect(await countOf(database(), workspace.workspaceId)).toBe(40);

  await reload('on');
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 20 });
});

test('a batch is refused if fsync is switched off after its step began', async () => {
  const workspace = await seedWorkspace(database(), 'fsync-batch', 40);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 20 });
  const { exportId } = await steps.backUp(jobId);
  await steps.enter(jobId, 'deleting');
  await steps.admit(exportId);
  await reload('off');
  const batch = database().app.pool.query('SELECT delete_backed_up_users($1, 1, 0, 20)', [
    exportId,
  ]);
  expect(await failureOf(batch)).toEqual(notDurable);
  expect(await countOf(database(), workspace.workspaceId)).toBe(40);
});

test('neither a backup nor an export is written while fsync is off', async () => {
  const workspace = await seedWorkspace(database(), 'fsync-write', 40);
  const deletion = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 20 });
  const download = await startExport(database(), workspace);
  await reload('off');
  expect(await failureOf(steps.write(deletion))).toEqual(notDurable);
  expect(await failureOf(steps.write(download))).toEqual(notDurable);
});
