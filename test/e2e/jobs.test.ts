import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { expect, test } from 'vitest';
import { workflowIdOf } from '../../workflows/contracts/jobs.ts';
import { countOwnEvents, readHistory } from '../support/steps/histories.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { sweepNow } from '../support/stack/trigger-schedule.ts';

const stack = useOwnStack({ env: { TICKET_PREFIXES: 'OPS' } });

const india = { type: 'filter', filter: { field: 'country', op: 'is', value: 'IN' } };

const insertUsers = (workspaceId: string, count: number, prefix = 'u-') =>
  stack().sql(
    `INSERT INTO users (workspace_id, user_id, country, email)
     SELECT $1, $3 || n, CASE WHEN n % 5 = 0 THEN 'DE' ELSE 'IN' END, $3 || n || '@example.com'
       FROM generate_series(1, $2::int) n`,
    [workspaceId, count, prefix],
  );

const countUsers = async (workspaceId: string) => {
  const rows = await stack().sql<{ n: number }>(
    'SELECT count(*)::int AS n FROM users WHERE workspace_id = $1',
    [workspaceId],
  );
  return rows[0]?.n;
};

type Admin = Awaited<ReturnType<ReturnType<typeof stack>['workspace']>>;

const startDeletion = async (admin: Admin, selection: unknown = india) => {
  const preview = await admin.succeed<{ id: string; count: number }>(
    'POST',
    '/v1/deletion-previews',
    { selection },
  );
  const body = { previewId: preview.id, confirm: { count: preview.count }, reason: 'test' };
  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', body);
  return { id, count: preview.count };
};

test('the deletion of a segment of 60,000 users deletes all 60,000, not one page', async () => {
  const admin = await stack().workspace('large');
  await insertUsers('large', 75_000);
  const { id, count } = await startDeletion(admin);
  expect(count).toBe(60_000);
  const job = await admin.finish(id);
  expect(job).toMatchObject({ state: 'succeeded', counts: { selected: 60_000, deleted: 60_000 } });
  expect(await countUsers('large')).toBe(15_000);
});

test('the history names each step and its job, but no person', async () => {
  const admin = await stack().workspace('told');
  await insertUsers('told', 500);
  const preview = await admin.succeed<{ id: string; count: number }>(
    'POST',
    '/v1/deletion-previews',
    { selection: india },
  );
  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', {
    previewId: preview.id,
    confirm: { count: preview.count },
    reason: 'CUST-7, Ada Lovelace, has asked: OPS-123',
  });
  expect((await admin.finish(id)).state).toBe('succeeded');
  const handle = stack().temporal.workflow.getHandle(workflowIdOf({ id, type: 'deletion' }));
  await handle.result();
  const history = await readHistory(handle);
  for (const told of ['write users to a file, pass 1', 'delete, pass 1', '"ticket":"OPS-123"']) {
    expect(history).toContain(told);
  }
  expect(history).toMatch(/"count":400,"askedBy":"[0-9a-f-]{36}"/);
  for (const person of ['Lovelace', 'CUST-7']) expect(history).not.toContain(person);
});

test('a job about many users needs no more history than a job about few users', async () => {
  const admin = await stack().workspace('histories');
  await insertUsers('histories', 50_000);
  const eventsOf = async (selection: unknown) => {
    const { id } = await startDeletion(admin, selection);
    expect((await admin.finish(id)).state).toBe('succeeded');
    const handle = stack().temporal.workflow.getHandle(workflowIdOf({ id, type: 'deletion' }));
    await handle.result();
    return countOwnEvents(handle);
  };
  const ids = Array.from({ length: 1_000 }, (_, n) => `u-${n + 1}`);
  const handful = await eventsOf({ type: 'ids', ids: ids.slice(0, 2) });
  const few = await eventsOf({ type: 'ids', ids: ids.slice(2) });
  const many = await eventsOf(india);
  expect(handful).toBeGreaterThan(10);
  expect(handful).toBeLessThan(few);
  expect(many).toBe(few);
});

test('two overlapping jobs delete each user once and count each user once', async () => {
  const admin = await stack().workspace('overlap');
  await insertUsers('overlap', 50_000);
  const [first, second] = [await startDeletion(admin), await startDeletion(admin)];
  const jobs = await Promise.all([admin.finish(first.id), admin.finish(second.id)]);
  const sum = (name: string) => jobs.reduce((all, job) => all + (job.counts?.[name] ?? 0), 0);
  expect(sum('deleted')).toBe(40_000);
  expect(sum('selected')).toBe(sum('deleted') + sum('notFound'));
  expect(await countUsers('overlap')).toBe(10_000);
});

test('histories, search attributes and ids hold no name, mail, phone or user id', async () => {
  const admin = await stack().workspace('canary');
  const canary = `canary${randomUUID().slice(0, 8)}`;
  await admin.succeed('POST', '/v1/users', [
    { userId: `${canary}-id`, firstName: canary, email: `${canary}@example.com`, country: 'IN' },
    { userId: `${canary}-2`, lastName: canary, phone: '919000500000' },
  ]);
  const selection = { type: 'ids', ids: [`${canary}-id`] };
  const exported = await admin.succeed<{ id: string }>('POST', '/v1/exports', { selection });
  await admin.finish(exported.id);
  const { id } = await startDeletion(admin, selection);
  const job = await admin.finish(id);
  expect(job.counts).toMatchObject({ deleted: 1 });

  const jobs = [
    { id: exported.id, type: 'export' },
    { id, type: 'deletion' },
  ] as const;
  for (const one of jobs) {
    const handle = stack().temporal.workflow.getHandle(workflowIdOf(one));
    const history = historyToJSON(await handle.fetchHistory());
    const decoded = history.replace(/"data": ?"([A-Za-z0-9+/=]+)"/g, (_all, data: string) =>
      Buffer.from(data, 'base64').toString('utf8'),
    );
    expect(decoded).toContain(one.id);
    for (const text of [history, decoded, JSON.stringify(await handle.describe())]) {
      expect(text).not.toContain(canary);
      expect(text).not.toContain('919000500000');
      expect(text).not.toContain('@example.com');
    }
  }
});

test('a workflow that is reset after it finished does nothing twice', async () => {
  const admin = await stack().workspace('resetting');
  await insertUsers('resetting', 100);
  const { id } = await startDeletion(admin, { type: 'ids', ids: ['u-1', 'u-2'] });
  const before = await admin.finish(id);
  await insertUsers('resetting', 1, 'again-');
  const handle = stack().temporal.workflow.getHandle(workflowIdOf({ id, type: 'deletion' }));
  const { firstExecutionRunId } = await (async () => {
    await handle.result();
    return { firstExecutionRunId: (await handle.describe()).runId };
  })();
  const history = await handle.fetchHistory();
  const taskDone = history.events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await stack().temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    requestId: randomUUID(),
    reason: 'test',
    workflowExecution: { workflowId: handle.workflowId, runId: firstExecutionRunId },
    workflowTaskFinishEventId: taskDone?.eventId ?? null,
  });
  await stack().temporal.workflow.getHandle(handle.workflowId).result();
  const after = await admin.succeed('GET', `/v1/jobs/${id}`);
  expect(after).toMatchObject({ state: before.state, counts: before.counts });
  expect(await countUsers('resetting')).toBe(99);
  const mails = await stack().mails();
  expect(mails.filter((mail) => mail.text?.includes(id))).toHaveLength(1);
});

test('the sweep starts a job that a crash left queued', async () => {
  const admin = await stack().workspace('swept');
  await insertUsers('swept', 10);
  const [key] = await stack().sql<{ id: string }>(
    `SELECT id FROM api_keys WHERE workspace_id = 'swept'`,
  );
  const id = randomUUID();
  await stack().sql(
    `INSERT INTO jobs (id, workspace_id, type, selection, options, actor_key_id, created_at)
     VALUES ($1, 'swept', 'export', '{"type": "all"}', $3, $2, now() - interval '1 minute')`,
    [
      id,
      key?.id,
      { format: 'csv', compression: 'gzip', columns: ['userId'], spreadsheetSafe: true },
    ],
  );
  await sweepNow(stack().temporal);
  expect(await admin.finish(id)).toMatchObject({ state: 'succeeded', counts: { exported: 10 } });
});

test('the counts of a cancelled deletion state the deleted and the unprocessed users, and add up', async () => {
  const admin = await stack().workspace('cancelled');
  await insertUsers('cancelled', 50_000);
  const { id, count } = await startDeletion(admin);
  const cancelled = await admin.call<{ state: string }>('POST', `/v1/jobs/${id}/cancel`);
  expect(cancelled.status).toBe(202);
  const job = await admin.finish(id);
  expect(job.state).toBe('cancelled');
  expect(await countUsers('cancelled')).toBe(50_000 - (job.counts?.['deleted'] ?? 0));
  expect((job.counts?.['deleted'] ?? 0) + (job.counts?.['unprocessed'] ?? 0)).toBe(count);
});

test('if the storage cannot be written, no user is deleted and the error says so', async () => {
  const admin = await stack().workspace('unwritable');
  await insertUsers('unwritable', 100);
  const folder = join(stack().dataDir, 'files', 'exports');
  await mkdir(folder, { recursive: true });
  // A file in place of the folder stops root as well; permissions would not stop root.
  await rename(folder, `${folder}.aside`);
  await writeFile(folder, '');
  try {
    const { id } = await startDeletion(admin, { type: 'ids', ids: ['u-1', 'u-2'] });
    const job = await admin.finish(id);
    expect(job).toMatchObject({ state: 'failed', error: { type: 'storageUnwritable' } });
    expect(job.counts).toMatchObject({ selected: 2, deleted: 0, unprocessed: 2 });
    // Temporal's UI shows the workflow as failed, with the same error.
    const handle = stack().temporal.workflow.getHandle(job.workflow.id);
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'storageUnwritable', message: job.error?.message },
    });
    expect((await handle.describe()).status.name).toBe('FAILED');
  } finally {
    await rm(folder);
    await rename(`${folder}.aside`, folder);
  }
  expect(await countUsers('unwritable')).toBe(100);
});
