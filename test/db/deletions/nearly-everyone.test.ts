import { beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  failureOf,
  seedWorkspace,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { createImportSteps, type ImportSteps } from '../../support/steps/import.ts';
import {
  addUsers,
  approveRequest,
  deleteAll,
  idsOf,
  letPass,
  startOf,
  type ToDelete,
} from '../../support/steps/nearly-everyone.ts';
import { restoreUsers } from '../../support/steps/restore.ts';

/**
 * Ways in which one person could delete nearly all users, and cases that must not count as such.
 */

const database = useDatabase();
const steps = useDeletionSteps(database);
let imports: ImportSteps;

beforeAll(async () => {
  imports = await createImportSteps(database());
});

const REFUSED = 'deleteAllRequired';

let made = 0;

/** A workspace whose users `u-1` and so on arrived `ago`. */
const workspaceOf = async (users: number, ago = '20 days') => {
  const workspace = await seedWorkspace(database(), `w${made++}`, 0);
  await addUsers(database(), workspace, idsOf(1, users), ago);
  const remove = (what: ToDelete) => deleteAll(database(), steps, workspace, what);
  return {
    ...workspace,
    workspace,
    remove,
    /** Deletes `u-<first>` to `u-<last>`. @returns the number of deleted users, or the error */
    removeRange: async (first: number, last: number) =>
      (await remove({ ids: idsOf(first, last) })).outcome,
    add: (ids: string[], when = '0') => addUsers(database(), workspace, ids, when),
    pass: (time: string) => letPass(database(), workspace, time),
    count: () => countOf(database(), workspace.workspaceId),
    restore: (exportId: string) => restoreUsers(database(), steps, workspace, exportId),
  };
};

type Workspace = Awaited<ReturnType<typeof workspaceOf>>;

/** A running deletion with a verified backup. */
const prepare = async ({ workspace }: Workspace, first: number, last: number) => {
  const jobId = await startOf(database(), workspace, { ids: idsOf(first, last) });
  const { exportId } = await steps.backUp(jobId);
  return { jobId, exportId, remove: () => steps.remove(jobId, exportId) };
};

test('after a deletion of 890 of 1,000 users, a deletion of 99 or 11 more is refused', async () => {
  const { removeRange, remove, count } = await workspaceOf(1_000);
  expect(await removeRange(1, 890)).toBe(890);
  const refused = await remove({ ids: idsOf(891, 989) });
  expect(refused.outcome).toBe(REFUSED);
  expect(refused.message).toMatch(/989 of the 1,000 users that existed at 20\S+Z\. 890 of them/);
  expect(await removeRange(990, 1_000)).toBe(REFUSED);
  expect(await removeRange(891, 900)).toBe(10);
  expect(await count()).toBe(100);
});

test('neither three deletions of a third nor eleven of 99 users can delete nearly all of 1,000 users', async () => {
  const thirds = await workspaceOf(1_000);
  expect(await thirds.removeRange(1, 334)).toBe(334);
  expect(await thirds.removeRange(335, 668)).toBe(334);
  expect(await thirds.removeRange(669, 1_000)).toBe(REFUSED);
  const many = await workspaceOf(1_000);
  const outcomes = [];
  for (let n = 0; n < 11; n++) outcomes.push(await many.removeRange(n * 99 + 1, (n + 1) * 99));
  expect(outcomes).toEqual([...Array<number>(9).fill(99), REFUSED, REFUSED]);
});

test('earlier deletions count for seven days, and not longer', async () => {
  const { removeRange, pass } = await workspaceOf(1_000);
  expect(await removeRange(1, 890)).toBe(890);
  await pass('3 days');
  expect(await removeRange(891, 900)).toBe(10);
  expect(await removeRange(901, 910)).toBe(REFUSED);
  await pass('3 days 23 hours');
  expect(await removeRange(901, 910)).toBe(REFUSED);
  await pass('2 hours');
  expect(await removeRange(901, 910)).toBe(10);
});

test.each(['the first half first', 'the second half first'])(
  'of two halves that were confirmed at the same time, the second is refused: %s',
  async (order) => {
    const workspace = await workspaceOf(1_000);
    const halves = [await prepare(workspace, 1, 500), await prepare(workspace, 501, 950)] as const;
    const [first, second] = order.startsWith('the first') ? halves : [halves[1], halves[0]];
    expect((await first.remove()).deleted).toBeGreaterThanOrEqual(450);
    expect(await failureOf(second.remove())).toMatchObject({ type: REFUSED, nonRetryable: true });
  },
);

test('of two halves that are admitted at the same time, one is refused', async () => {
  const workspace = await workspaceOf(1_000);
  const halves = [await prepare(workspace, 1, 500), await prepare(workspace, 501, 1_000)];
  const failures = await Promise.all(halves.map((half) => failureOf(steps.admit(half.exportId))));
  expect(failures.filter((failure) => failure === undefined)).toHaveLength(1);
  const refused = failures.find((failure) => failure?.type === REFUSED);
  expect(refused?.message).toMatch(/those that are running would delete 1,000 of the 1,000 users/);
  // Admitted once more, as after a crash: the deletion is neither judged nor counted again.
  const admitted = halves[failures.indexOf(undefined)];
  expect((await admitted?.remove())?.deleted).toBe(500);
});

test('users of another admitted deletion count, and a user in both deletions counts once', async () => {
  const workspace = await workspaceOf(1_000);
  const first = await prepare(workspace, 1, 800);
  const same = await prepare(workspace, 1, 800);
  const further = await prepare(workspace, 750, 950);
  await steps.admit(first.exportId);
  await steps.admit(same.exportId);
  const failure = await failureOf(steps.admit(further.exportId));
  expect(failure?.message).toContain('950 of the 1,000 users');
  expect((await first.remove()).deleted).toBe(800);
  expect((await same.remove()).deleted).toBe(0);
});

test('users that are added just before a deletion do not raise its limit', async () => {
  const { removeRange, add } = await workspaceOf(100);
  await add(idsOf(1, 1_000, 'made-up-'));
  expect(await removeRange(1, 100)).toBe(REFUSED);
  expect(await removeRange(1, 90)).toBe(90);
});

test('an import of 10,000 users before a deletion does not raise its limit', async () => {
  const { workspace, removeRange, pass } = await workspaceOf(1_000, '5 minutes');
  const lines = idsOf(1, 10_000, 'made-up-').join('\n');
  await imports.run(workspace, `userId\n${lines}\n`);
  expect(await removeRange(1, 1_000)).toBe(REFUSED);
  await pass('6 days');
  expect(await removeRange(1, 1_000)).toBe(REFUSED);
  expect(await removeRange(1, 800)).toBe(800);
});

const TIMES = `UPDATE jobs SET started_at = now() - $2::interval,
  finished_at = now() - nullif($3, '')::interval WHERE id = $1`;
/** Moves the start of an import, and its end, into the past. */
const setTimes = (job: string, began: string, ended = '') =>
  database().owner.pool.query(TIMES, [job, began, ended]);

test('a deletion is not compared with the users that existed while an import ran', async () => {
  const { workspace, remove, pass } = await workspaceOf(0);
  const job = await imports.start(workspace, 'userId\na\n');
  // The first hundred lines were imported an hour before the others.
  await addUsers(database(), workspace, idsOf(1, 100), '90 minutes');
  await addUsers(database(), workspace, idsOf(101, 1_000), '30 minutes');
  await setTimes(job, '80 minutes');
  expect((await remove({ ids: idsOf(1, 95) })).outcome).toBe(REFUSED);
  await setTimes(job, '2 hours');
  expect((await remove({ ids: idsOf(1, 95) })).outcome).toBe(95);
  await imports.finish(job, { kind: 'cancelled' });
  await pass('1 hour');
  expect((await remove({ ids: idsOf(96, 100) })).outcome).toBe(5);
});

test('a deletion is compared with the users at the end of an import, even while another import runs', async () => {
  const { workspace, remove } = await workspaceOf(0);
  const first = await imports.start(workspace, 'userId\na\n');
  await setTimes(await imports.start(workspace, 'userId\nb\n'), '2 hours');
  await addUsers(database(), workspace, idsOf(1, 1_000), '90 minutes');
  await addUsers(database(), workspace, idsOf(1, 9_000, 'made-up-'), '30 minutes');
  await imports.finish(first, { kind: 'cancelled' });
  await setTimes(first, '2 hours', '80 minutes');
  expect((await remove({ ids: idsOf(1, 1_000) })).outcome).toBe(REFUSED);
});

test('the rule covers a workspace of 75 users, in slices as well, but not a workspace of 74', async () => {
  const least = await workspaceOf(75);
  expect(await least.removeRange(1, 75)).toBe(REFUSED);
  expect(await least.removeRange(1, 67)).toBe(67);
  expect(await least.removeRange(68, 75)).toBe(REFUSED);
  const sliced = await workspaceOf(80);
  expect(await sliced.removeRange(1, 20)).toBe(20);
  expect(await sliced.removeRange(21, 80)).toBe(REFUSED);
  const few = await workspaceOf(74);
  expect(await few.removeRange(1, 74)).toBe(74);
  const empty = await workspaceOf(0);
  expect(await empty.removeRange(1, 3)).toBe(0);
});

test('a retry, and a further pass, count the users that were deleted before once', async () => {
  const retried = await workspaceOf(1_000);
  const { jobId, outcome } = await retried.remove({ ids: idsOf(1, 850) });
  expect(outcome).toBe(850);
  const again = await retried.remove({ ids: idsOf(851, 910), retryOf: jobId });
  expect(again.outcome).toBe(REFUSED);
  expect((await retried.remove({ ids: idsOf(851, 900) })).outcome).toBe(50);

  const changing = await workspaceOf(1_000);
  const { jobId: job, remove } = await prepare(changing, 1, 900);
  await database().owner.pool.query(
    `UPDATE users SET city = 'Pune' WHERE workspace_id = '${changing.workspaceId}'
        AND right(user_id, 1) IN ('1', '2', '3', '4')`,
  );
  expect(await remove()).toEqual({ deleted: 540 });
  expect(await steps.settle(job, 1)).toMatchObject({ changed: 360 });
  const second = await steps.backUp(job, 2);
  expect(await steps.remove(job, second.exportId)).toEqual({ deleted: 360 });
  expect(await changing.count()).toBe(100);
});

test('a further pass is refused if another job has deleted the other users meanwhile', async () => {
  const workspace = await workspaceOf(1_000);
  const { jobId, remove } = await prepare(workspace, 1, 500);
  await database().owner.pool.query(
    `UPDATE users SET city = 'Pune' WHERE workspace_id = '${workspace.workspaceId}'
        AND user_id IN (SELECT 'u-' || n FROM generate_series(1, 100) AS n)`,
  );
  await remove();
  await steps.settle(jobId, 1);
  expect(await workspace.removeRange(501, 1_000)).toBe(500);
  const second = await steps.backUp(jobId, 2);
  expect(await failureOf(steps.remove(jobId, second.exportId))).toMatchObject({ type: REFUSED });
  expect(await workspace.count()).toBe(100);
});

test('restored users count as never deleted', async () => {
  const { remove, removeRange, restore, count } = await workspaceOf(1_000);
  const { exportId } = await remove({ ids: idsOf(1, 800) });
  await restore(exportId);
  expect(await count()).toBe(1_000);
  expect(await removeRange(801, 990)).toBe(190);
});

test('repeated deletions and restores do not raise the limit', async () => {
  const { remove, removeRange, restore } = await workspaceOf(100);
  for (let n = 0; n < 3; n++) {
    const { exportId, outcome } = await remove({ ids: idsOf(1, 80) });
    expect(outcome).toBe(80);
    await restore(exportId);
  }
  expect(await removeRange(1, 91)).toBe(REFUSED);
});

test.each(['by a deletion that is forgotten', 'by an approved run'])(
  'users that were deleted %s and then restored do not raise the limit',
  async (how) => {
    const { workspace, remove, removeRange, restore, pass, add } = await workspaceOf(
      300,
      '40 days',
    );
    const parentId = how.endsWith('run') ? await approveRequest(database(), workspace) : undefined;
    await add(idsOf(301, 400), '35 days');
    const { exportId, outcome } = await remove({
      ids: idsOf(1, 300),
      ...(parentId !== undefined && { parentId }),
    });
    expect(outcome).toBe(300);
    await pass(parentId === undefined ? '8 days' : '1 day');
    await restore(exportId);
    expect(await removeRange(301, 391)).toBe(REFUSED);
    expect(await removeRange(301, 390)).toBe(90);
    // The users added again are newcomers, and may be deleted again.
    expect(await removeRange(1, 150)).toBe(150);
  },
);

test('the users of a wrong import may be deleted, and do not count against other deletions', async () => {
  const { workspace, remove, removeRange } = await workspaceOf(1_000);
  const ids = idsOf(1, 5_000, 'wrong-');
  await imports.run(workspace, `userId\n${ids.join('\n')}\n`);
  expect((await remove({ ids })).outcome).toBe(5_000);
  expect(await removeRange(1, 300)).toBe(300);
});

test('runs of approved requests are neither checked nor counted', async () => {
  const { workspace, remove, removeRange, add } = await workspaceOf(1_000);
  const parentId = await approveRequest(database(), workspace);
  expect((await remove({ ids: idsOf(1, 1_000), parentId })).outcome).toBe(1_000);
  await add(idsOf(2_001, 2_100), '10 days');
  expect(await removeRange(2_001, 2_090)).toBe(90);
});

test('a job that names a request is its run only if the request runs with that job', async () => {
  const { workspace, workspaceId, remove, count } = await workspaceOf(1_000);
  const asOwner = (statement: string) => database().owner.pool.query(statement);
  const parentId = await approveRequest(database(), workspace);
  const first = await remove({ ids: idsOf(1, 10), parentId });
  expect(first.outcome).toBe(10);
  // The request runs with its first job, and has not ended.
  const jobId = await startOf(database(), workspace, { ids: idsOf(11, 1_000) });
  await asOwner(`UPDATE jobs SET parent_id = '${parentId}' WHERE id = '${jobId}'`);
  const { exportId } = await steps.backUp(jobId);
  const expected = { type: 'runNotAllowed', nonRetryable: true };
  expect(await failureOf(steps.remove(jobId, exportId))).toMatchObject(expected);
  // The request's own job is refused too once the request has ended.
  await asOwner(`UPDATE delete_all_requests SET state = 'cancelled', finished_at = now(),
    job_id = '${jobId}' WHERE id = '${parentId}'`);
  expect(await failureOf(steps.remove(jobId, exportId))).toMatchObject(expected);
  const { rowCount } = await asOwner(
    `SELECT FROM admitted_deletions WHERE workspace_id = '${workspaceId}'`,
  );
  expect([rowCount, await count()]).toEqual([1, 990]);
});

test('a deletion is not refused for a time at which none of its users existed', async () => {
  const { workspace, remove, removeRange, add } = await workspaceOf(500);
  expect(await removeRange(1, 250)).toBe(250);
  const parentId = await approveRequest(database(), workspace);
  expect((await remove({ ids: idsOf(251, 500), parentId })).outcome).toBe(250);
  await add(idsOf(1_001, 1_500));
  expect(await removeRange(1_001, 1_050)).toBe(50);
});

test('a growing workspace may delete its test data, and later a part of its early users, but not all', async () => {
  const { removeRange, add, pass } = await workspaceOf(40, '0');
  await pass('1 hour');
  await add(idsOf(41, 400));
  // Fewer than 75 users existed at first, so test data may be deleted.
  expect(await removeRange(1, 40)).toBe(40);
  await pass('1 day');
  await add(idsOf(401, 4_000));
  expect(await removeRange(41, 300)).toBe(260);
  expect(await removeRange(301, 400)).toBe(REFUSED);
  expect(await removeRange(1_001, 3_000)).toBe(2_000);
});

test('held users count as existing and as selected', async () => {
  const { workspaceId, removeRange } = await workspaceOf(100);
  await database().owner.pool.query(
    `UPDATE users SET legal_hold = true WHERE workspace_id = '${workspaceId}' AND user_id LIKE 'u-1_'`,
  );
  expect(await removeRange(1, 91)).toBe(REFUSED);
  expect(await removeRange(1, 90)).toBe(80);
  expect(await removeRange(91, 100)).toBe(10);
  expect(await removeRange(10, 19)).toBe(REFUSED);
});
