import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { expectInvariants } from '../../support/database/invariants.ts';
import {
  countOf,
  inIndia,
  seedWorkspace,
  startDeletion,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';

/** A deletion may wait for weeks between its backup and its first batch. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (text: string, values: unknown[]) => database().owner.pool.query(text, values);

/** A deletion whose backup has so much time left. */
const backUpLeaving = async (name: string, left: string) => {
  const workspace = await seedWorkspace(database(), name, 6);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 3 });
  const { exportId } = await steps.backUp(jobId);
  await asOwner('UPDATE exports SET expires_at = now() + $2::interval WHERE id = $1', [
    exportId,
    left,
  ]);
  return { ...workspace, jobId, exportId };
};

test.each([
  ['has expired', 'expired', '-1 hour'],
  ['is kept for less than three weeks', 'short', '20 days 23 hours'],
])('a backup that %s deletes nobody, and a new one does', async (_, name, left) => {
  const { workspaceId, jobId, exportId } = await backUpLeaving(name, left);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 0 });
  expect(await countOf(database(), workspaceId)).toBe(6);
  expect(await steps.settle(jobId, 1)).toEqual({ deleted: 0, changed: 3 });
  const second = await steps.backUp(jobId, 2);
  expect(await steps.remove(jobId, second.exportId)).toEqual({ deleted: 3 });
  await steps.settle(jobId, 2);
  const end = await steps.finish({ jobId, end: { kind: 'completed' } });
  expect(end).toMatchObject({ state: 'succeeded', failures: 0 });
  const { owner } = database();
  await expectInvariants({ owner, storageDir: steps.storageDir, workspaceId, users: 6 });
});

test('a backup that is kept for more than three weeks deletes its users', async () => {
  const { jobId, exportId } = await backUpLeaving('long', '21 days 1 hour');
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 3 });
});

test('a backup that has expired deletes nobody even if it is held, because the hold may end soon', async () => {
  const { jobId, exportId, workspaceId } = await backUpLeaving('held-backup', '-1 hour');
  await asOwner('UPDATE exports SET legal_hold = true WHERE id = $1', [exportId]);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 0 });
  expect(await countOf(database(), workspaceId)).toBe(6);
});
