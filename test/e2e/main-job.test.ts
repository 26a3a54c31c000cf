import { createHash, randomUUID } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';
import { openEvents, type ServerEvent } from '../support/steps/events.ts';
import { onlyMemberOf } from '../support/steps/only-member.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const stack = useOwnStack();

const users = (count: number, withPlan = false) =>
  Array.from({ length: count }, (_, i) => ({
    userId: `u-${i}`,
    firstName: i % 3 === 0 ? 'Zoë "Z"' : '李伟',
    email: `u${i}@example.com`,
    country: i % 2 === 0 ? 'IN' : 'DE',
    tags: ['a', 'b,c'],
    ...(withPlan && { properties: { plan: i % 2 === 0 ? 'pro' : 'free' } }),
  }));

const idsOf = (csv: Buffer, column: string) => {
  const rows: Record<string, string>[] = parse(csv, { columns: true, bom: true });
  return new Set(rows.map((row) => row[column]));
};

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const waitForMail = async (to: string, subject: RegExp) => {
  await expect
    .poll(async () => (await stack().mails()).filter((m) => m.to.includes(to)).length)
    .toBeGreaterThan(0);
  const mail = (await stack().mails()).findLast(
    (m) => m.to.includes(to) && subject.test(m.subject),
  );
  expect(mail, `a mail to ${to} like ${subject}`).toBeDefined();
  return mail!;
};

test('an admin exports all users, gets the link by mail, and the file holds all of them', async () => {
  const admin = await stack().workspace('exporting');
  await admin.succeed('POST', '/v1/properties', { name: 'plan', type: 'string' });
  await admin.succeed('POST', '/v1/users', users(500, true));
  const started = await admin.call<{ id: string }>(
    'POST',
    '/v1/exports',
    { selection: { type: 'all' }, format: 'csv' },
    { 'idempotency-key': randomUUID() },
  );
  expect(started.status).toBe(202);
  expect(started.headers.get('location')).toBe(`/v1/exports/${started.body.id}`);
  const job = await admin.finish(started.body.id);
  expect(job).toMatchObject({ state: 'succeeded', counts: { exported: 500 } });

  const file = await admin.download(`/v1/exports/${job.id}/file`);
  expect(sha256(file)).toBe(job.result?.sha256);
  const records: Record<string, string>[] = parse(onlyMemberOf(file), {
    columns: true,
    bom: true,
  });
  expect(records).toHaveLength(500);
  expect(records.find((r) => r['userId'] === 'u-3')).toMatchObject({
    firstName: 'Zoë "Z"',
    country: 'DE',
    tags: 'a;b,c',
    legalHold: 'false',
    'properties.plan': 'free',
  });

  const mail = await waitForMail('admin@exporting.example.com', /./);
  const link = /https?:\/\/[^\s"<>]+\/d\/[^\s"<>]+/.exec(mail.text ?? '')?.[0] ?? '';
  expect((await fetch(link)).status).toBe(200);
  const linked = Buffer.from(await (await fetch(`${link}/file`)).arrayBuffer());
  expect(sha256(linked)).toBe(sha256(file));
});

test('a deletion of a segment deletes the users of its preview, as its backup and its log show', async () => {
  const admin = await stack().workspace('deleting');
  await admin.succeed('POST', '/v1/properties', { name: 'plan', type: 'string' });
  await admin.succeed('POST', '/v1/users', users(600, true));
  const segment = await admin.succeed<{ id: string }>('POST', '/v1/segments', {
    name: 'India',
    filter: { field: 'properties.plan', op: 'is', value: 'pro' },
  });
  const preview = await admin.succeed<{ id: string; count: number }>(
    'POST',
    '/v1/deletion-previews',
    { selection: { type: 'segment', segmentId: segment.id } },
  );
  expect(preview).toMatchObject({ count: 300, held: 0 });
  await admin.succeed('POST', '/v1/users', { userId: 'new', properties: { plan: 'pro' } });
  const wrong = await admin.call<{ type: string }>('POST', '/v1/deletions', {
    previewId: preview.id,
    confirm: { count: 299 },
    reason: 'clean-up',
  });
  expect(wrong).toMatchObject({ status: 409, body: { type: '/problems/selection-changed' } });

  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', {
    previewId: preview.id,
    confirm: { count: 300 },
    reason: 'clean-up',
  });
  const job = await admin.finish(id);
  expect(job).toMatchObject({ state: 'succeeded', counts: { selected: 300, deleted: 300 } });
  const left = await admin.succeed<{ count: number }>('GET', '/v1/users?count=exact&limit=1');
  expect(left.count).toBe(301);

  const [backup] = job.result?.backups ?? [];
  const file = await admin.download(`/v1/backups/${backup?.id}/file`);
  expect(sha256(file)).toBe(backup?.sha256);
  const logged = idsOf(await admin.download(`/v1/deletions/${id}/log`), 'userId');
  expect(logged).toEqual(idsOf(file, 'user_id'));
  expect(logged.size).toBe(300);
  await waitForMail('admin@deleting.example.com', /./);
});

test('DELETE for one user answers with the finished job if the request asks to wait', async () => {
  const admin = await stack().workspace('single');
  await admin.succeed('POST', '/v1/users', users(3));
  const answer = await admin.call<{ state: string }>('DELETE', '/v1/users/u-1', undefined, {
    prefer: 'wait=20',
  });
  expect(answer).toMatchObject({ status: 200, body: { state: 'succeeded' } });
  expect((await admin.call('GET', '/v1/users/u-1')).status).toBe(404);
  expect((await admin.call('DELETE', '/v1/users/u-1')).status).toBe(404);
});

test('requests with the same idempotency key at the same time start one job', async () => {
  const admin = await stack().workspace('twice');
  await admin.succeed('POST', '/v1/users', users(10));
  const body = { selection: { type: 'ids', ids: ['u-1', 'u-2', 'gone'] }, reason: 'asked to' };
  const key = { 'idempotency-key': randomUUID() };
  const answers = await Promise.all(
    [1, 2, 3].map(() => admin.call<{ id: string }>('POST', '/v1/deletions', body, key)),
  );
  expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
  const job = await admin.finish(answers[0]!.body.id);
  expect(job.counts).toMatchObject({ selected: 3, deleted: 2, notFound: 1 });
});

test('a deletion can be watched while it runs, over a connection that was closed and opened again', async () => {
  const admin = await stack().workspace('watched');
  await stack().sql(
    `INSERT INTO users (workspace_id, user_id, country)
     SELECT 'watched', 'u-' || n, CASE WHEN n % 5 = 0 THEN 'DE' ELSE 'IN' END
       FROM generate_series(1, 100000) n`,
  );
  const filter = { field: 'country', op: 'is', value: 'IN' };
  const preview = await admin.succeed<{ id: string }>('POST', '/v1/deletion-previews', {
    selection: { type: 'filter', filter },
  });
  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', {
    previewId: preview.id,
    confirm: { count: 80_000 },
    reason: 'clean-up',
  });
  const url = `${stack().stack.info().api}/v1/jobs/${id}/events`;
  const key = await stack().adminKey('watched');
  const seen: ServerEvent[] = [];
  const first = await openEvents(url, key);
  seen.push((await first.next())!);
  first.close();
  const second = await openEvents(url, key, seen[0]?.id);
  for (let event = await second.next(); event !== undefined; event = await second.next()) {
    expect(event.id).not.toBe(seen.at(-1)?.id);
    seen.push(event);
  }

  expect(seen.length).toBeGreaterThan(1);
  expect(seen.map(({ event }) => event)).toEqual([
    ...seen.slice(1).map(() => 'progress'),
    'finished',
  ]);
  const order = [null, 'backingUp', 'verifyingBackup', 'deleting', 'settling', 'notifying'];
  const steps = seen.slice(0, -1).map(({ data }) => order.indexOf(data.phase));
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  expect(seen.at(-1)?.data).toEqual(await admin.succeed('GET', `/v1/jobs/${id}`));
  expect(seen.at(-1)?.data.counts).toMatchObject({ selected: 80_000, deleted: 80_000 });
  expect((await openEvents(url, key, seen.at(-1)?.id)).status).toBe(204);
});

test('a scrape of the worker has the written, verified and deleted users, and metrics of Temporal', async () => {
  const answer = await fetch(stack().stack.info().metrics);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const text = await answer.text();
  const valueOf = (metric: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${metric} `))
        ?.split(' ')
        .at(-1),
    );
  // The export, the segment, the user, the two chosen users and the watched deletion of the tests
  // above.
  expect(valueOf('keepsake_rows_total{step="deleted"}')).toBe(300 + 1 + 2 + 80_000);
  expect(valueOf('keepsake_rows_total{step="written"}')).toBe(500 + 300 + 1 + 2 + 80_000);
  expect(valueOf('keepsake_rows_total{step="verified"}')).toBe(500 + 300 + 1 + 2 + 80_000);
  const batches = 'keepsake_delete_batch_duration_seconds_count{result="deleted"}';
  expect(valueOf(batches)).toBeGreaterThan(4);
  expect(text).toMatch(/^temporal_workflow_completed_total\{.*workflow_type="DeleteUsers".*\} \d/m);
  expect(text).toMatch(/^temporal_activity_execution_latency_seconds_bucket\{/m);
  expect(text).toMatch(/^process_cpu_seconds_total /m);
  const names = text.split('\n').filter((line) => line.startsWith('# TYPE '));
  expect(new Set(names).size).toBe(names.length);
  for (const secret of ['example.com', 'u-1', 'watched', 'Zo']) expect(text).not.toContain(secret);
  const other = await fetch(new URL('/', stack().stack.info().metrics));
  expect(other.status).toBe(404);
});

test('a double click sends a mail again once, and the links in it open pages without a key', async () => {
  const admin = await stack().workspace('told-again');
  await admin.succeed('POST', '/v1/users', users(3));
  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', {
    selection: { type: 'ids', ids: ['u-1', 'u-2', 'gone'] },
    reason: 'asked to',
  });
  await admin.finish(id);
  const to = 'admin@told-again.example.com';
  const mails = async () => (await stack().mails()).filter((mail) => mail.to.includes(to));
  await expect.poll(async () => (await mails()).length).toBe(1);

  const path = `/v1/jobs/${id}/notify`;
  const clicks = await Promise.all([admin.call('POST', path), admin.call('POST', path)]);
  expect(clicks.map(({ status }) => status)).toEqual([202, 202]);
  const mailOf = async () =>
    (await admin.succeed<{ mail: { state: string }[] }>('GET', `/v1/jobs/${id}`)).mail;
  await expect
    .poll(async () => (await mailOf()).map(({ state }) => state))
    .toEqual(['accepted', 'accepted']);
  expect((await admin.call('POST', path)).status).toBe(202);
  expect(await mails()).toHaveLength(2);

  const text = (await mails()).at(-1)?.text ?? '';
  const [job = '', log = ''] = text.match(/https?:\/\/\S+\/p\/\S+/g) ?? [];
  expect(await (await fetch(job)).text()).toContain('<dt>Deleted</dt><dd>2</dd>');
  expect((await fetch(`${job}/log`)).status).toBe(404);
  expect(await (await fetch(log)).text()).toContain('Download the log');
  expect(await (await fetch(`${log}/log`)).text()).toContain('u-1,deleted');
});
