import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createDestroyExpired } from '../../../activities/expiry/destroy-expired.ts';
import { claimJob } from '../../../db/jobs/job-runs.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import { createListPreview } from '../../../db/deletions/previews.ts';
import { eraseExport } from '../../../db/exports/removals.ts';
import {
  addEntries,
  beginUserList,
  completeUserList,
  idsOfList,
  type ListRef,
  usersOfList,
  usersOfPreview,
} from '../../../db/users/user-lists.ts';
import type { MatchBy } from '../../../selection/selection.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  failureOf,
  outcomesOf,
  type SeededWorkspace,
  seedWorkspace,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { rowsOf } from '../../support/steps/restore.ts';
import { createRestoreBackedUpUsers } from '../../../activities/restores/restore-users.ts';
import { tablesHolding } from '../../support/database/traces.ts';
import { writeList } from '../../support/steps/user-lists.ts';
import { deletedOutsideBackup } from '../../support/database/witness.ts';

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (text: string, values: unknown[] = []) => database().owner.pool.query(text, values);

const makeList = (workspace: SeededWorkspace, matchBy: MatchBy, entries: string[]) =>
  writeList(database().api.db, workspace, matchBy, entries);

const previewList = (workspace: SeededWorkspace, list: ListRef) =>
  createListPreview(database().api.db, {
    workspaceId: workspace.workspaceId,
    actorKeyId: workspace.keyId,
    list,
  });

const jobOf = ({ workspaceId, keyId }: SeededWorkspace) => ({
  id: uuidv7(),
  workspaceId,
  selection: { type: 'list' },
  options: {},
  actorKeyId: keyId,
});

/** A running deletion, confirmed by the preview of a list. */
const confirmList = async (
  workspace: SeededWorkspace,
  list: ListRef,
  seen: { id: string; count: number },
): Promise<string> => {
  const job = { ...jobOf(workspace), type: 'deletion' as const, previewId: seen.id };
  const { id: listId } = list;
  await insertJob(database().api.db, {
    ...job,
    targetsOf: { listId, users: usersOfPreview(seen.id), confirmed: seen.count },
  });
  await claimJob(database().worker.db, job.id, 'test-run');
  return job.id;
};

const finishDeletion = async (jobId: string, exportId: string) => {
  const { deleted } = await steps.remove(jobId, exportId);
  await steps.settle(jobId, 1, true);
  const result = await steps.finish({ jobId, end: { kind: 'completed' } });
  return { deleted, result };
};

const ANY_EXPORT = { format: 'csv', compression: 'none', spreadsheetSafe: false, notify: false };

let other: SeededWorkspace;

beforeAll(async () => {
  other = await seedWorkspace(database(), 'others', 3);
});

test('a deletion by a list deletes the users of the preview, not users that got such an address later', async () => {
  const workspace = await seedWorkspace(database(), 'mails', 20);
  const list = await makeList(workspace, 'email', [
    'U1@example.com',
    'u2@EXAMPLE.com',
    'u3@example.com',
    'free@example.com',
    'nobody@example.com',
  ]);
  const seen = await previewList(workspace, list);
  expect(seen).toMatchObject({ count: 3, report: { notFound: 2, ambiguous: 0 } });
  const jobId = await confirmList(workspace, list, seen);
  await asOwner(`UPDATE users SET email = 'u1@example.com' WHERE user_id = 'u-10'`);
  await asOwner(
    `INSERT INTO users (workspace_id, user_id, email) VALUES ('mails', 'late', 'free@example.com')`,
  );
  // A user that was removed and added again is another user.
  await asOwner(`DELETE FROM users WHERE workspace_id = 'mails' AND user_id = 'u-2'`);
  await asOwner(
    `INSERT INTO users (workspace_id, user_id, email) VALUES ('mails', 'u-2', 'u2@example.com')`,
  );
  const { exportId } = await steps.backUp(jobId);
  const { deleted, result } = await finishDeletion(jobId, exportId);
  expect(deleted).toBe(2);
  expect(result).toMatchObject({ counts: { selected: 3, deleted: 2, notFound: 1 } });
  expect(await outcomesOf(database(), jobId)).toEqual({ 'u-2': 'notFound' });
  expect(await countOf(database(), 'mails')).toBe(19);
  const left = await rowsOf(database(), 'mails');
  expect(Object.keys(left)).toEqual(expect.arrayContaining(['late', 'u-10', 'u-2']));
  const { owner } = database();
  expect(await deletedOutsideBackup(owner, steps.storageDir, 'mails')).toEqual([]);
});

test('a job whose list names no user, or whose users were removed, never covers all users', async () => {
  const workspace = await seedWorkspace(database(), 'emptied', 5);
  const list = await makeList(workspace, 'userId', ['u-1']);
  const jobId = await confirmList(workspace, list, await previewList(workspace, list));
  await asOwner('DELETE FROM job_targets WHERE job_id = $1', [jobId]);
  expect((await failureOf(steps.backUp(jobId)))?.type).toBe('usersHidden');
  const nobody = await makeList(workspace, 'userId', ['nobody']);
  const job = {
    ...jobOf(workspace),
    type: 'export' as const,
    options: { ...ANY_EXPORT, columns: ['userId'] },
  };
  const targetsOf = { listId: nobody.id, users: usersOfList(nobody) };
  await insertJob(database().api.db, { ...job, targetsOf });
  await claimJob(database().worker.db, job.id, 'test-run');
  expect(await steps.write(job.id)).toMatchObject({ rows: 0 });
});

test('a preview that has lost a user cannot be confirmed for the other users', async () => {
  const workspace = await seedWorkspace(database(), 'lost', 5);
  const list = await makeList(workspace, 'userId', ['u-1', 'u-2']);
  const seen = await previewList(workspace, list);
  await asOwner(`DELETE FROM preview_targets WHERE preview_id = $1 AND user_id = 'u-1'`, [seen.id]);
  await expect(confirmList(workspace, list, seen)).rejects.toThrow('named 2 users, and has 1');
  const { rowCount } = await asOwner(`SELECT FROM jobs WHERE workspace_id = 'lost'`);
  expect(rowCount).toBe(0);
});

const idsTo = (count: number) => Array.from({ length: count }, (_, n) => `u-${n + 1}`);

test('the nearly-everyone rule stops a list at the preview, the backup and the first batch', async () => {
  const workspace = await seedWorkspace(database(), 'most', 100);
  const most = await makeList(workspace, 'userId', idsTo(91));
  await expect(previewList(workspace, most)).rejects.toMatchObject({ code: 'KS008' });
  const mails = idsTo(91).map((id) => `${id.replace('-', '')}@example.com`);
  const byMail = await makeList(workspace, 'email', mails);
  await expect(previewList(workspace, byMail)).rejects.toMatchObject({ code: 'KS008' });

  const half = await makeList(workspace, 'userId', idsTo(50));
  const first = await confirmList(workspace, half, await previewList(workspace, half));
  const later = await makeList(workspace, 'userId', idsTo(91).slice(50));
  const second = await confirmList(workspace, later, await previewList(workspace, later));
  const third = await confirmList(workspace, later, await previewList(workspace, later));
  const [one, two] = [await steps.backUp(first), await steps.backUp(second)];
  await finishDeletion(first, one.exportId);
  const atBackup = await failureOf(steps.backUp(third));
  expect(atBackup?.type).toBe('deleteAllRequired');
  expect((await failureOf(steps.remove(second, two.exportId)))?.type).toBe('deleteAllRequired');
  expect(await countOf(database(), 'most')).toBe(50);
});

test('a restore by a list restores the users that it names, and reports the others', async () => {
  const workspace = await seedWorkspace(database(), 'back', 10);
  const before = await rowsOf(database(), 'back');
  const list = await makeList(workspace, 'userId', ['u-1', 'u-2', 'u-3']);
  const jobId = await confirmList(workspace, list, await previewList(workspace, list));
  const { exportId } = await steps.backUp(jobId);
  await finishDeletion(jobId, exportId);
  const wanted = await makeList(workspace, 'userId', ['u-2', 'u-3', 'u-9', 'nobody']);
  const restore = { ...jobOf(workspace), type: 'restore' as const, backupId: exportId };
  await insertJob(database().api.db, {
    ...restore,
    targetsOf: { listId: wanted.id, users: idsOfList(wanted.id) },
  });
  await claimJob(database().worker.db, restore.id, 'test-run');
  await steps.enter(restore.id, 'restoring');
  const run = createRestoreBackedUpUsers(steps.deps);
  await run({ jobId: restore.id }, new AbortController().signal);
  const { counts } = await steps.finish({ jobId: restore.id, end: { kind: 'completed' } });
  expect(counts).toMatchObject({ selected: 4, restored: 2, notFound: 2 });
  const { ['u-1']: _left, ...others } = before;
  expect(await rowsOf(database(), 'back')).toEqual(others);
});

test('the users of an export by a list are fixed when its job is written, and are counted in it', async () => {
  const workspace = await seedWorkspace(database(), 'export', 10);
  const list = await makeList(workspace, 'email', ['u1@example.com', 'u2@example.com', 'x']);
  const job = { ...jobOf(workspace), type: 'export' as const };
  const targetsOf = { listId: list.id, users: usersOfList(list) };
  expect(await insertJob(database().api.db, { ...job, targetsOf })).toBe(true);
  await asOwner(`UPDATE users SET email = 'x' WHERE user_id = 'u-3'`);
  const { rows } = await asOwner(
    `SELECT selection, (SELECT array_agg(user_id ORDER BY user_id) FROM job_targets WHERE job_id = id) AS ids
       FROM jobs WHERE id = $1`,
    [job.id],
  );
  expect(rows).toEqual([
    { selection: { type: 'list', listId: list.id, count: 2 }, ids: ['u-1', 'u-2'] },
  ]);
});

test('no job starts from a list that has expired or was removed', async () => {
  const list = await makeList(other, 'userId', ['u-1']);
  const targetsOf = { listId: list.id, users: usersOfList(list) };
  await asOwner('UPDATE user_lists SET expires_at = now() WHERE id = $1', [list.id]);
  const write = () => insertJob(database().api.db, { ...jobOf(other), type: 'export', targetsOf });
  await expect(write()).rejects.toMatchObject({ code: 'KS006' });
  await expect(previewList(other, list)).rejects.toMatchObject({ code: 'KS006' });
  await asOwner('SELECT erase_user_list($1)', [list.id]);
  await expect(write()).rejects.toMatchObject({ code: 'KS006' });
});

const sweep = () => createDestroyExpired(steps.deps)(undefined, new AbortController().signal);
const asRows = async <Row extends object>(text: string, values?: unknown[]) =>
  (await asOwner(text, values)).rows as Row[];

test('lists are swept at their expiry, and the users of a preview an hour after its expiry', async () => {
  const workspace = await seedWorkspace(database(), 'swept', 5);
  await asOwner(
    `UPDATE users SET email = 'canary@example.com' WHERE workspace_id = 'swept' AND user_id = 'u-1'`,
  );
  await asOwner(`INSERT INTO users (workspace_id, user_id) VALUES ('swept', 'canary-2')`);
  const kept = await makeList(workspace, 'userId', ['u-3']);
  const list = await makeList(workspace, 'userId', ['canary-2', 'canary-3']);
  const open = { id: uuidv7(), workspaceId: 'swept', matchBy: 'email' as const };
  await beginUserList(database().api.db, { ...open, actorKeyId: workspace.keyId });
  await addEntries(database().api.db, open, [{ line: 2, entry: 'Canary@example.com' }]);
  const seen = await previewList(workspace, list);
  await asOwner('UPDATE user_lists SET expires_at = now() WHERE id = ANY ($1)', [
    [list.id, open.id],
  ]);
  expect(await sweep()).toMatchObject({ lists: 2 });
  expect(await tablesHolding(asRows, ['anary'])).toEqual(['preview_targets', expect.any(String)]);
  const { rows } = await asOwner(`SELECT id FROM user_lists WHERE workspace_id = 'swept'`);
  expect(rows).toEqual([{ id: kept.id }]);
  await asOwner(`UPDATE previews SET expires_at = now() - interval '61 minutes' WHERE id = $1`, [
    seen.id,
  ]);
  expect(await sweep()).toMatchObject({ lists: 0 });
  expect(await tablesHolding(asRows, ['anary'])).toEqual([expect.stringMatching(/^users_/)]);
});

test('the users of a preview are erased with the backup of its deletion, at the latest', async () => {
  const workspace = await seedWorkspace(database(), 'erased', 5);
  const list = await makeList(workspace, 'userId', ['u-1']);
  const seen = await previewList(workspace, list);
  const jobId = await confirmList(workspace, list, seen);
  const { exportId } = await steps.backUp(jobId);
  await finishDeletion(jobId, exportId);
  await asOwner(`UPDATE exports SET state = 'removed', removed_at = now() WHERE id = $1`, [
    exportId,
  ]);
  await eraseExport(database().worker.db, exportId);
  const { rowCount } = await asOwner('SELECT FROM preview_targets WHERE preview_id = $1', [
    seen.id,
  ]);
  expect(rowCount).toBe(0);
  const { rows } = await asOwner('SELECT selection FROM jobs WHERE id = $1', [jobId]);
  expect(rows[0].selection).toEqual({ type: 'list', count: 1, erased: true });
});

test('a list of 200,000 email addresses is stored and looked up', async () => {
  const workspace = await seedWorkspace(database(), 'large', 1_000);
  const { db } = database().api;
  const list = { id: uuidv7(), workspaceId: 'large', matchBy: 'email' as const };
  await beginUserList(db, { ...list, actorKeyId: workspace.keyId });
  for (let from = 0; from < 200_000; from += 10_000) {
    const entries = Array.from({ length: 10_000 }, (_, n) => ({
      line: from + n + 2,
      entry: `U${from + n + 501}@example.com`,
    }));
    expect(await addEntries(db, list, entries)).toBe(10_000);
  }
  await completeUserList(db, list, { entries: 200_000, repeated: 0, empty: 0 });
  const seen = await previewList(workspace, list);
  expect(seen).toMatchObject({ count: 500, report: { notFound: 199_500 } });
  expect(seen.report.notFoundSample).toHaveLength(100);
  expect(seen.report.notFoundSample[0]).toEqual({ line: 502, entry: 'U1001@example.com' });
});
