import { expect, test } from 'vitest';
import { cancelJob } from '../../../db/jobs/jobs.ts';
import { eraseExport } from '../../../db/exports/removals.ts';
import { useDatabase } from '../../support/database/database.ts';
import { reasonsOf, seedWorkspace, useDeletionSteps } from '../../support/steps/deletion.ts';
import { NONE, restoresByMail } from '../../support/steps/restore-by-mail.ts';
import { deleteUsers, restoreUsers, rowsOf, runRestore } from '../../support/steps/restore.ts';
import { tablesHolding } from '../../support/database/traces.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';

/** Restores of users that a list names by email addresses, which only the backup's files hold. */

const database = useDatabase();
const steps = useDeletionSteps(database);
const { asOwner, deleteSome, askFor, begin, look, retry, countIn } = restoresByMail(
  database,
  steps,
);

test('users are restored by email address in any case, and unknown or ambiguous addresses are reported', async () => {
  const workspace = await seedWorkspace(database(), 'mailed', 10);
  await asOwner(
    `UPDATE users SET email = CASE user_id WHEN 'u-1' THEN 'ÄRA@Example.COM' ELSE 'two@example.com' END
      WHERE workspace_id = 'mailed' AND user_id IN ('u-1', 'u-5', 'u-6')`,
  );
  const before = await rowsOf(database(), 'mailed');
  const ids = ['u-1', 'u-2', 'u-3', 'u-5', 'u-6'];
  const { exportId } = await deleteUsers(database(), steps, workspace, ids);
  await restoreUsers(database(), steps, workspace, exportId, ['u-2']);
  const { id, listId } = await askFor(workspace, exportId, [
    'ära@EXAMPLE.com',
    'U2@example.com',
    'Two@example.com',
    'u9@example.com',
    'nobody@example.com',
    '=1+1@example.com',
  ]);
  const { rows } = await asOwner('SELECT selection FROM jobs WHERE id = $1', [id]);
  expect(rows[0].selection).toEqual({ type: 'list', listId, count: 6 });
  expect(await runRestore(database(), steps, id)).toMatchObject({
    state: 'succeeded',
    counts: { ...NONE, selected: 6, restored: 1, present: 1, notFound: 4 },
  });
  const { 'u-3': _a, 'u-5': _b, 'u-6': _c, ...back } = before;
  expect(await rowsOf(database(), 'mailed')).toEqual(back);
  expect(await reasonsOf(database(), id)).toEqual({
    'u-2': 'present',
    'mailto:=1+1@example.com': 'notFound notDeleted',
    'mailto:nobody@example.com': 'notFound notDeleted',
    'mailto:two@example.com': 'notFound ambiguous',
    'mailto:u9@example.com': 'notFound notDeleted',
  });
  expect(await countIn('job_addresses', id)).toBe(0);
});

test('a user id that looks like an email address is not treated as an address', async () => {
  const workspace = await seedWorkspace(database(), 'alike', 3);
  await asOwner(
    `INSERT INTO users (workspace_id, user_id, email) VALUES ('alike', 'mailto:old@x.example', 'new@x.example')`,
  );
  const { exportId } = await deleteUsers(database(), steps, workspace, ['mailto:old@x.example']);
  const addresses = ['new@x.example', 'old@x.example'];
  const counts = { ...NONE, selected: 2, notFound: 1 };
  const first = await askFor(workspace, exportId, addresses);
  expect(await runRestore(database(), steps, first.id)).toMatchObject({
    counts: { ...counts, restored: 1 },
  });
  const { id } = await askFor(workspace, exportId, addresses);
  expect(await runRestore(database(), steps, id)).toMatchObject({
    state: 'succeeded',
    counts: { ...counts, present: 1 },
  });
  expect(await reasonsOf(database(), id)).toEqual({
    'mailto:<old@x.example>': 'notFound notDeleted',
    'mailto:old@x.example': 'present',
  });
});

test('a user that is in the backup, but was not deleted, is not found', async () => {
  const { workspace, exportId } = await deleteSome(['u-1', 'u-2']);
  await asOwner(
    `UPDATE deletion_batches SET deleted_ids = '{u-1}', failed_ids = '{u-2}', reasons = '{x}'
      WHERE export_id = $1`,
    [exportId],
  );
  await asOwner('UPDATE export_parts SET deleted = 1 WHERE export_id = $1 AND part = 1', [
    exportId,
  ]);
  const { id } = await askFor(workspace, exportId, ['u1@example.com', 'u2@example.com']);
  expect((await runRestore(database(), steps, id)).counts).toMatchObject({
    restored: 1,
    notFound: 1,
  });
  expect(await reasonsOf(database(), id)).toEqual({
    'mailto:u2@example.com': 'notFound notDeleted',
  });
});

test('a list that names no user of the backup restores no user, and neither does its retry', async () => {
  const { workspace, exportId } = await deleteSome(['u-1', 'u-2']);
  const { id } = await askFor(workspace, exportId, ['u9@example.com', 'nobody@example.com']);
  const counts = { ...NONE, selected: 2, notFound: 2 };
  expect(await runRestore(database(), steps, id)).toMatchObject({ state: 'succeeded', counts });
  const again = await retry(id, workspace);
  expect(await runRestore(database(), steps, again)).toMatchObject({
    counts: { ...NONE, selected: 0 },
  });
  expect(Object.keys(await rowsOf(database(), workspace.workspaceId))).not.toContain('u-1');
});

test('two attempts at the same time look up the addresses once', async () => {
  const { workspace, exportId } = await deleteSome(['u-1', 'u-2', 'u-3']);
  const { id } = await askFor(workspace, exportId, ['u1@example.com', 'U2@example.com', 'x']);
  await begin(id);
  const holder = await database().owner.pool.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM job_addresses WHERE job_id = $1 FOR UPDATE', [id]);
  const both = Promise.all([look(id), look(id)]);
  // Both look-ups have read the backup, and are about to record the users that they found.
  await expect.poll(() => countLockWaits(database().owner.pool)).toBe(2);
  await holder.query('COMMIT');
  holder.release();
  await both;
  await look(id);
  expect(await countIn('job_targets', id)).toBe(2);
  expect(await runRestore(database(), steps, id)).toMatchObject({
    state: 'succeeded',
    counts: { ...NONE, selected: 3, restored: 2, notFound: 1 },
  });
});

test('no user is found in a backup from before users had email addresses', async () => {
  const workspace = await seedWorkspace(database(), 'unmailed', 3);
  await asOwner('ALTER TABLE users DROP COLUMN email');
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1']);
  await asOwner('ALTER TABLE users ADD COLUMN email text');
  const { id } = await askFor(workspace, exportId, ['u1@example.com']);
  expect(await runRestore(database(), steps, id)).toMatchObject({
    state: 'succeeded',
    counts: { ...NONE, selected: 1, notFound: 1 },
  });
  expect((await restoreUsers(database(), steps, workspace, exportId)).counts).toMatchObject({
    restored: 1,
  });
});

const asRows = async <Row extends object>(text: string, values?: unknown[]) =>
  (await asOwner(text, values)).rows as Row[];

test('addresses that were not looked up, or not found, are erased with the backup', async () => {
  const { workspace, exportId } = await deleteSome(['u-1', 'u-2']);
  const looked = await askFor(workspace, exportId, ['canary-1@example.com']);
  await runRestore(database(), steps, looked.id);
  const queued = await askFor(workspace, exportId, ['canary-2@example.com']);
  await cancelJob(database().api.db, { id: queued.id, actorKeyId: workspace.keyId });
  for (const { listId } of [looked, queued]) await asOwner('SELECT erase_user_list($1)', [listId]);
  expect(await tablesHolding(asRows, ['canary'])).toEqual(['job_addresses', 'outcomes']);
  await asOwner(`UPDATE exports SET state = 'removed', removed_at = now() WHERE id = $1`, [
    exportId,
  ]);
  await eraseExport(database().worker.db, exportId);
  expect(await tablesHolding(asRows, ['canary'])).toEqual([]);
});
