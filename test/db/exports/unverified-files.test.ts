import { beforeAll, expect, test } from 'vitest';
import { removeUnverifiedFiles } from '../../../activities/jobs/end-job.ts';
import { exportPrefix } from '../../../files/part-key.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  createDeletionSteps,
  inIndia,
  seedWorkspace,
  startDeletion,
  type DeletionSteps,
  type SeededWorkspace,
} from '../../support/steps/deletion.ts';

const database = useDatabase();
let steps: DeletionSteps;
let workspace: SeededWorkspace;

beforeAll(async () => {
  steps = await createDeletionSteps(database());
  workspace = await seedWorkspace(database(), 'files', 20);
});

const start = () => startDeletion(database(), workspace, { filter: inIndia, confirmed: 10 });
const filesOf = (exportId: string) => steps.deps.storage.list(exportPrefix(exportId));
const broken = { kind: 'failed', type: 'brokenOff', message: 'It broke off.' } as const;

test('the unverified files of a job are removed after its end, and not before', async () => {
  const jobId = await start();
  const { exportId } = await steps.write(jobId);
  expect(await filesOf(exportId)).toHaveLength(2);
  await removeUnverifiedFiles(steps.deps, jobId);
  expect(await filesOf(exportId)).toHaveLength(2);
  await steps.finish({ jobId, end: broken });
  await removeUnverifiedFiles(steps.deps, jobId);
  expect(await filesOf(exportId)).toEqual([]);
});

test('a verified backup stays, used or not, and damaged or not', async () => {
  const unused = await start();
  const first = await steps.backUp(unused);
  await steps.finish({ jobId: unused, end: broken });
  const used = await start();
  const second = await steps.backUp(used);
  await steps.remove(used, second.exportId);
  await database().owner.pool.query("UPDATE exports SET state = 'damaged' WHERE id = $1", [
    second.exportId,
  ]);
  await steps.finish({ jobId: used, end: broken });
  for (const [jobId, { exportId }] of [
    [unused, first],
    [used, second],
  ] as const) {
    await removeUnverifiedFiles(steps.deps, jobId);
    expect(await filesOf(exportId)).toHaveLength(2);
  }
});
