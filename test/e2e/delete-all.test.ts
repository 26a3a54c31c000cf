import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { createDeleteAllApi, type DeleteAllRequest } from '../support/http/delete-all-api.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { createShell, documented } from '../support/stack/temporal-command.ts';
import { sweepNow } from '../support/stack/trigger-schedule.ts';

const stack = useOwnStack();

const DAY_MS = 86_400_000;
const PIA = 'pia@platform.example';

let temporal: Client;
let api: ReturnType<typeof createDeleteAllApi>;
let shell: Awaited<ReturnType<typeof createShell>>;
let pia: { id: string; client: ApiClient };

beforeAll(async () => {
  const address = stack().stack.info().temporal;
  temporal = new Client({ connection: await Connection.connect({ address }) });
  api = createDeleteAllApi(stack());
  shell = await createShell(address);
  pia = await api.makeKey('platform', null, PIA);
});
afterAll(() => temporal?.connection.close());

const signal = (kind: string) => documented(`npm run temporal -- workflow signal --name ${kind} `);

const handleOf = (id: string) => temporal.workflow.getHandle(`delete-all/${id}`);

const isState = (state: string) => (request: DeleteAllRequest) => request.state === state;

/**
 * The sweep handles only requests that were not sent just now. The database lets no role change
 * their time.
 */
const makeOld = (id: string) =>
  stack().sql(`ALTER TABLE delete_all_requests DISABLE TRIGGER guard;
    UPDATE delete_all_requests SET created_at = now() - interval '1 hour' WHERE id = '${id}';
    ALTER TABLE delete_all_requests ENABLE TRIGGER guard`);

test('a request is approved, previewed and run; all its users are deleted, and can be restored', async () => {
  const { admin, id } = await api.ask('whole', 1_000);
  const { body: approved } = await api.decide(pia.client, id, 'approve', { note: 'agreed' });
  expect(approved.state).toBe('open');
  const { opensAt, closesAt } = approved.window!;
  expect(Date.parse(closesAt) - Date.parse(opensAt)).toBe(3 * DAY_MS);
  const deleteAll = { enabled: true, until: closesAt, requestId: id };
  expect(await admin.succeed('GET', '/v1/me')).toMatchObject({ features: { deleteAll } });
  const preview = await api.preview(admin, id);
  expect(preview).toMatchObject({ count: 1_000, phrase: 'delete all 1000 users' });
  await api.insertUsers('whole', 5, 'newcomer-');
  const job = await admin.finish((await api.run(admin, id, preview)).id);
  expect(job).toMatchObject({ state: 'succeeded', counts: { selected: 1_000, deleted: 1_000 } });
  expect(await api.countUsers('whole')).toBe(5);
  await api.until(admin, id, isState('completed'));
  await expect.poll(() => handleOf(id).result()).toBe('completed');
  const told = (await stack().mails()).filter(({ text }) => text?.includes(id));
  const subjects = told.map(({ to, subject }) => `${String(to)} ${subject}`).toSorted();
  expect(subjects.filter((line) => line.startsWith('admin@whole.example.com'))).toEqual([
    'admin@whole.example.com Deleting all users is done: 1,000 of 1,000 users deleted (whole)',
    expect.stringContaining('Deleting all users is possible until'),
    'admin@whole.example.com Requested: delete all users of whole (whole)',
  ]);
  const backup = job.result?.backups?.[0]?.id;
  const restore = await admin.succeed<Job>('POST', `/v1/backups/${backup}/restores`, {});
  expect((await admin.finish(restore.id)).counts).toMatchObject({ restored: 1_000 });
  expect(await api.countUsers('whole')).toBe(1_005);
});

test('the documented commands of the Temporal CLI approve, revoke and deny requests', async () => {
  const one = await api.ask('by-cli', 3);
  const decide = async (kind: string, id: string) =>
    shell(signal(kind), { 'request id': id, code: await api.codeFor(kind, id, PIA) });
  await decide('approve', one.id);
  const open = await api.until(one.admin, one.id, isState('open'));
  expect(open.timeline.at(-1)).toMatchObject({ event: 'approve', outcome: 'accepted' });
  await decide('revoke', one.id);
  await api.until(one.admin, one.id, isState('revoked'));
  const two = await api.ask('by-cli-too', 3);
  await decide('deny', two.id);
  const denied = await api.until(two.admin, two.id, isState('denied'));
  expect(denied.timeline.at(-1)?.reason).toMatch(/\w/);
});

test('a person without the right cannot decide by CLI or API, and each refusal is recorded', async () => {
  const own = await api.makeKey('platform', null, 'Admin+own@strict.example.com');
  const { admin, id } = await api.ask('strict', 3);
  const bob = await api.makeKey('admin', 'strict', 'bob@strict.example.com');
  const approve = signal('approve');
  const codeOf = (kind: string, person: string) => api.codeFor(kind, id, person);
  const byCode = (code: string) => shell(approve, { 'request id': id, code });
  const byKey = (keyId: string) =>
    shell(approve.replace(/--input .*/, `--input '{"by": "<key id>"}'`), {
      'request id': id,
      'key id': keyId,
    });
  await byCode(await codeOf('approve', 'strict.example.com'));
  await byCode(await codeOf('deny', PIA));
  await byCode(await codeOf('withdraw', 'strict.example.com'));
  // An id of a key proves nothing, even if the owner may decide.
  for (const key of [pia.id, own.id, bob.id]) await byKey(key);
  await byKey('00000000-0000-4000-8000-000000000000');
  await byKey('nobody');
  await shell(approve.replace(/--input .*/, `--input '["approve"]'`), { 'request id': id });
  await shell(approve.replace(/--input .*/, `--input '{"by": 7, "x": {}}'`), { 'request id': id });
  const binary = `--input 'garbage' --input-meta encoding=binary/unheard-of`;
  await shell(approve.replace(/--input .*/, binary), { 'request id': id }).catch(() => undefined);
  const refusals = [
    'selfApproval',
    ...Array<string>(6).fill('unproven'),
    ...Array<string>(3).fill('malformed'),
  ];
  const seen = await api.until(admin, id, ({ timeline }) => timeline.length > refusals.length);
  expect(seen.state).toBe('requested');
  const told = seen.timeline.slice(1, 1 + refusals.length);
  expect(told.map(({ refusal }) => refusal)).toEqual(refusals);
  expect((await handleOf(id).describe()).status.name).toBe('RUNNING');
  expect((await api.decide(own.client, id, 'approve')).status).toBe(403);

  await byCode(await codeOf('approve', PIA));
  const { window } = await api.until(admin, id, isState('open'));
  await byCode(await codeOf('approve', PIA));
  const again = await api.until(admin, id, ({ timeline }) => {
    const last = timeline.at(-1);
    return last?.event === 'approve' && last.refusal === 'wrongState';
  });
  expect(again.window).toEqual(window);
});

test('an open window that is reset, with and without its signals, stays the same single window', async () => {
  const { admin, id } = await api.ask('reset-open', 10);
  const { body: open } = await api.decide(pia.client, id, 'approve');
  const resets = [
    documented('npm run temporal -- workflow reset --type FirstWorkflowTask '),
    'temporal workflow reset --type FirstWorkflowTask --reason test --workflow-id "delete-all/<request id>"',
    'temporal workflow reset --type LastWorkflowTask --reason test --workflow-id "delete-all/<request id>"',
  ];
  for (const reset of resets) {
    const { runId } = await handleOf(id).describe();
    await shell(reset, { 'request id': id });
    const after = await handleOf(id).describe();
    expect(after.runId).not.toBe(runId);
    const state = { state: 'open', closesAt: Date.parse(open.window!.closesAt) };
    await expect.poll(() => handleOf(id).query('state')).toMatchObject(state);
    expect((await api.read(admin, id)).window).toEqual(open.window);
  }
  const preview = await api.preview(admin, id);
  const job = await admin.finish((await api.run(admin, id, preview)).id);
  expect(job).toMatchObject({ state: 'succeeded', counts: { deleted: 10 } });
  await api.until(admin, id, isState('completed'));
  const mails = (await stack().mails()).filter(({ to, text }) => {
    return String(to).includes('admin@reset-open') && text?.includes(id);
  });
  expect(new Set(mails.map(({ subject }) => subject)).size).toBe(mails.length);
});

test('a finished request that is reset opens no second window and starts no second run', async () => {
  const { admin, id } = await api.ask('reset-done', 10);
  await api.decide(pia.client, id, 'approve');
  const preview = await api.preview(admin, id);
  const job = await admin.finish((await api.run(admin, id, preview)).id);
  const done = await api.until(admin, id, isState('completed'));
  await handleOf(id).result();
  await api.insertUsers('reset-done', 7, 'later-');
  const resets = [
    documented('npm run temporal -- workflow reset --type FirstWorkflowTask '),
    'temporal workflow reset --type FirstWorkflowTask --reason test --workflow-id "delete-all/<request id>"',
  ];
  for (const reset of resets) {
    await shell(reset, { 'request id': id });
    expect(await handleOf(id).result()).toBe('completed');
    const after = await api.read(admin, id);
    expect(after).toMatchObject({ window: done.window, jobId: job.id, state: 'completed' });
  }
  expect(await api.countUsers('reset-done')).toBe(7);
  expect((await api.decide(pia.client, id, 'approve')).status).toBe(409);
});

test('the sweep ends a request whose workflow was terminated', async () => {
  const { admin, id } = await api.ask('terminated', 10);
  await api.decide(pia.client, id, 'approve');
  await makeOld(id);
  await handleOf(id).terminate('test');
  await sweepNow(temporal);
  const ended = await api.until(admin, id, isState('cancelled'));
  expect(ended.timeline.at(-1)).toMatchObject({ event: 'stop', outcome: 'accepted' });
  expect(await api.countUsers('terminated')).toBe(10);
});

test('if a workflow is terminated during a run, the run continues and decides the end of the request', async () => {
  const { admin, id } = await api.ask('terminated-run', 10);
  await api.decide(pia.client, id, 'approve');
  const preview = await api.preview(admin, id);
  const release = await api.holdUsers('terminated-run');
  const { id: jobId } = await api.run(admin, id, preview);
  await expect
    .poll(async () => (await admin.succeed<Job>('GET', `/v1/jobs/${jobId}`)).phase)
    .toBe('deleting');
  await handleOf(id).terminate('test');
  await makeOld(id);
  await sweepNow(temporal);
  await release();
  expect(await admin.finish(jobId)).toMatchObject({ state: 'succeeded', counts: { deleted: 10 } });
  await sweepNow(temporal);
  await api.until(admin, id, isState('completed'));
});

test('the sweep starts the workflow of a request after a crash prevented its start', async () => {
  const admin = await stack().workspace('unstarted');
  const [key] = await stack().sql<{ id: string }>(
    `SELECT id FROM api_keys WHERE workspace_id = 'unstarted'`,
  );
  const [row] = await stack().sql<{ id: string }>(
    `INSERT INTO delete_all_requests (id, workspace_id, requester_key_id, reason, users_then, created_at)
     VALUES (gen_random_uuid(), 'unstarted', $1, 'r', 0, now() - interval '1 hour') RETURNING id`,
    [key?.id],
  );
  const { id } = row!;
  await sweepNow(temporal);
  await expect
    .poll(() =>
      handleOf(id)
        .describe()
        .catch(() => null),
    )
    .toBeTruthy();
  await expect.poll(async () => (await api.decide(admin, id, 'withdraw')).status).toBe(200);
});

test('the users that a run has left are retried only while its window is open', async () => {
  const { admin, id } = await api.ask('left', 10);
  await stack().sql(`CREATE FUNCTION no_left() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF OLD.user_id LIKE '%-3' THEN RAISE 'no'; END IF; RETURN OLD; END $$`);
  await stack().sql(
    'CREATE TRIGGER no BEFORE DELETE ON users_left FOR EACH ROW EXECUTE FUNCTION no_left()',
  );
  await api.decide(pia.client, id, 'approve', {});
  const run = await admin.finish((await api.run(admin, id, await api.preview(admin, id))).id);
  expect(run).toMatchObject({ state: 'partiallySucceeded', counts: { deleted: 9, failed: 1 } });
  await api.until(admin, id, isState('completedWithFailures'));
  await stack().sql('DROP TRIGGER no ON users_left');
  const closeWindow = (moment: string) =>
    stack().sql(
      `ALTER TABLE delete_all_requests DISABLE TRIGGER ALL;
       UPDATE delete_all_requests SET closes_at = ${moment}, opens_at = ${moment} - interval '3 days' WHERE id = '${id}';
       ALTER TABLE delete_all_requests ENABLE TRIGGER ALL`,
    );
  await closeWindow(`now() - interval '1 second'`);
  expect((await admin.call('POST', `/v1/jobs/${run.id}/retry`)).status).toBe(410);
  await closeWindow(`now() + interval '1 hour'`);
  const retry = await admin.succeed<Job>('POST', `/v1/jobs/${run.id}/retry`);
  expect((await admin.finish(retry.id)).counts).toMatchObject({ selected: 1, deleted: 1 });
  expect(await api.countUsers('left')).toBe(0);
});
