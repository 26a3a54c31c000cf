import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { partKey } from '../../../files/part-key.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  createDeletionSteps,
  inIndia,
  seedWorkspace,
  startDeletion,
} from '../../support/steps/deletion.ts';
import { findViolations, type Trial } from '../../support/database/invariants.ts';

/** Fault tests rely on these checks, so each check is shown to find its violation. */

const database = useDatabase();
let trial: Trial;
let exportId: string;

const asOwner = (statement: string) => database().owner.pool.query(statement);

beforeAll(async () => {
  const steps = await createDeletionSteps(database());
  const workspace = await seedWorkspace(database(), 'checked', 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  await asOwner(`UPDATE users SET legal_hold = true WHERE user_id = 'u-2'`);
  ({ exportId } = await steps.backUp(jobId));
  await steps.remove(jobId, exportId);
  await steps.settle(jobId, 1);
  await steps.finish({ jobId, end: { kind: 'completed' } });
  const { owner } = database();
  trial = { owner, storageDir: steps.storageDir, workspaceId: 'checked', users: 10 };
});

test('a deletion without faults keeps all invariants', async () => {
  expect(await findViolations(trial)).toEqual({});
});

const setCount = (kind: string, count: number) =>
  `UPDATE jobs SET counts = jsonb_set(counts, '{${kind}}', '${count}')`;

/** Only the owner can do this, by disabling the guard of the log. */
const rewriteActivity = (from: string, to: string): string => `
  ALTER TABLE activity DISABLE TRIGGER append_only;
  UPDATE activity SET kind = '${to}' WHERE kind = '${from}';
  ALTER TABLE activity ENABLE ALWAYS TRIGGER append_only`;

test.each([
  [
    'users deleted, and in no batch',
    `INSERT INTO witness VALUES ('checked', 'u-1', '', 'keepsake_deleter')`,
    `DELETE FROM witness WHERE user_id = 'u-1'`,
  ],
  [
    'users in a batch, and not deleted',
    `UPDATE deletion_batches SET deleted_ids = deleted_ids || 'u-1'::text`,
    `UPDATE deletion_batches SET deleted_ids = array_remove(deleted_ids, 'u-1')`,
  ],
  [
    'users deleted before their backup was verified',
    `UPDATE exports SET verified_at = verified_at + interval '1 day'`,
    `UPDATE exports SET verified_at = verified_at - interval '1 day'`,
  ],
  [
    'users counted twice by a job',
    `INSERT INTO outcomes SELECT id, 'u-4', 'held' FROM jobs`,
    `DELETE FROM outcomes WHERE user_id = 'u-4'`,
  ],
  [
    'jobs that have not ended',
    `UPDATE jobs SET finished_at = NULL`,
    `UPDATE jobs SET finished_at = now()`,
  ],
  ['jobs whose sums do not close', setCount('selected', 6), setCount('selected', 5)],
  ['jobs that count others than they deleted', setCount('deleted', 5), setCount('deleted', 4)],
  ['jobs that count other outcomes than they recorded', setCount('held', 0), setCount('held', 1)],
  [
    'jobs without one beginning and one end in the activity log',
    rewriteActivity('deletionStarted', 'download'),
    rewriteActivity('download', 'deletionStarted'),
  ],
  [
    'users neither there nor seen to be deleted',
    `UPDATE witness SET workspace_id = '' WHERE user_id = 'u-4'`,
    `UPDATE witness SET workspace_id = 'checked' WHERE user_id = 'u-4'`,
  ],
  [
    'users deleted in a version their backup does not hold',
    `UPDATE witness SET row = row || ' ' WHERE user_id = 'u-4'`,
    `UPDATE witness SET row = left(row, -1) WHERE user_id = 'u-4'`,
  ],
])('the checks find %s', async (what, change, undo) => {
  await asOwner(change);
  expect(Object.keys(await findViolations(trial))).toContain(what);
  await asOwner(undo);
  expect(await findViolations(trial)).toEqual({});
});

test('the checks find exports with other files than their parts', async () => {
  const stray = partKey({ exportId, attempt: 1, part: 9, compression: 'zstd' });
  await writeFile(join(trial.storageDir, stray), '');
  expect(await findViolations(trial)).toHaveProperty(['exports with other files than their parts']);
});
