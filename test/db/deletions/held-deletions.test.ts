import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  seedWorkspace,
  startDeletion,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';

const database = useDatabase();
const steps = useDeletionSteps(database);

const hold = (workspaceId: string, ids: string[]) =>
  database().owner.pool.query(
    'UPDATE users SET legal_hold = true WHERE workspace_id = $1 AND user_id = ANY ($2)',
    [workspaceId, ids],
  );

const finish = async (jobId: string) => {
  const { exportId } = await steps.backUp(jobId);
  await steps.remove(jobId, exportId);
  await steps.settle(jobId, 1, true);
  return steps.finish({ jobId, end: { kind: 'completed' } });
};

test('a deletion of one user fails with the reason if the user came under hold meanwhile', async () => {
  const workspace = await seedWorkspace(database(), 'one', 3);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  await hold('one', ['u-1']);
  expect(await finish(jobId)).toMatchObject({
    state: 'failed',
    error: { type: 'held' },
    counts: { selected: 1, deleted: 0, held: 1 },
  });
  expect(await countOf(database(), 'one')).toBe(3);
});

test('a deletion of a held user and another user succeeds, and counts the held user', async () => {
  const workspace = await seedWorkspace(database(), 'some', 3);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2'] });
  await hold('some', ['u-1']);
  expect(await finish(jobId)).toMatchObject({
    state: 'succeeded',
    counts: { selected: 2, deleted: 1, held: 1 },
  });
});
