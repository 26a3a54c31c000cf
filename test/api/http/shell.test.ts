import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { StorageError } from '../../../storage/storage.ts';
import { useApi } from '../support.ts';
import { waitUntil } from '../../support/wait.ts';

const api = useApi();

test('a request without a valid key is answered with 401, a challenge and a problem without the key', async () => {
  for (const key of [null, 'ks_short', `ks_${'A'.repeat(43)}`]) {
    const answer = await api().call('GET', '/v1/me', { key });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ type: '/problems/unauthenticated', status: 401 });
    expect(answer.body.requestId).toBe(answer.headers['x-request-id']);
    expect(JSON.stringify([answer.text, answer.headers])).not.toContain(key ?? 'ks_');
  }
});

test('/v1/me returns the key and its workspace', async () => {
  const { call, keys } = api();
  expect((await call('GET', '/v1/me')).body).toMatchObject({
    key: { role: 'admin', ownerName: 'ada', ownerEmail: 'ada@keys.example' },
    workspace: { id: 'one', name: 'Workspace one' },
  });
  const platform = await call('GET', '/v1/me', { key: keys.platform });
  expect(platform.body.workspace).toBeNull();
  const named = await call('GET', '/v1/me?workspace=two', { key: keys.platform });
  expect(named.body.workspace.id).toBe('two');
});

test('no problem contains the key of its request', async () => {
  const { call, keys } = api();
  const key = keys.one;
  const problems = [
    await call('GET', '/v1/nothing'),
    await call('DELETE', '/v1/me'),
    await call('GET', '/v1/me?x=1'),
    await call('GET', '/v1/me?workspace=two'),
    await call('GET', '/v1/users/nobody'),
    await call('POST', '/v1/exports', { body: '{"selection":' }),
    await call('POST', '/v1/exports', { body: {} }),
    await call('POST', '/v1/exports', { body: {}, headers: { 'idempotency-key': 'a b' } }),
    await call('POST', '/v1/webhooks', { body: { url: 'ftp://x.example' } }),
    await call('GET', '/v1/delete-all-requests/x'),
  ];
  for (const { status, text, headers } of problems) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(headers['content-type']).toContain('application/problem+json');
    expect(JSON.stringify([text, headers])).not.toContain(key);
  }
});

test('an unknown path is answered with 404, and a wrong method with 405', async () => {
  const unknown = await api().call('GET', '/v1/nothing');
  expect(unknown).toMatchObject({ status: 404, body: { type: '/problems/not-found' } });
  const wrong = await api().call('DELETE', '/v1/me');
  expect(wrong).toMatchObject({ status: 405, body: { type: '/problems/method-not-allowed' } });
  expect(wrong.headers['allow']).toBe('GET, HEAD');
  // Fastify reads the body of this method before it looks for a route.
  const query = await api().app.inject({ method: 'QUERY' as 'GET', url: '/v1/me' });
  expect(query.statusCode).toBe(405);
});

test('an unknown parameter, a repeated parameter and text that cannot be stored are refused', async () => {
  const { call } = api();
  expect((await call('GET', '/v1/me?x=1')).body.errors).toEqual([
    { detail: 'is not a known name', pointer: '?x' },
  ]);
  expect((await call('GET', '/v1/me?workspace=one&workspace=two')).status).toBe(400);
  expect((await call('GET', '/v1/me?x=%00')).body.errors[0].pointer).toBe('?x');
  expect((await call('GET', '/v1/%zz')).status).toBe(400);
});

test('an answer has strict security headers and must not be stored in a cache', async () => {
  const { headers } = await api().call('GET', '/healthz');
  expect(headers['content-security-policy']).toContain("default-src 'none'");
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['x-content-type-options']).toBe('nosniff');
});

test('only a UUID is accepted as a request id', async () => {
  const id = '0190a0a0-0000-7000-8000-000000000001';
  const taken = await api().call('GET', '/healthz', { headers: { 'x-request-id': id } });
  expect(taken.headers['x-request-id']).toBe(id);
  const other = await api().call('GET', '/healthz', { headers: { 'x-request-id': 'a@b.example' } });
  expect(other.headers['x-request-id']).not.toContain('example');
});

test('the log has route patterns, and no addresses, keys or bodies', async () => {
  const { call, log, keys } = api();
  await call('GET', '/v1/users/canary-user-1?x=canary-query');
  await call('POST', '/v1/exports', { body: { selection: 'canary-body' } });
  await call('GET', '/canary-path');
  const text = log.join('');
  expect(text).not.toContain('canary');
  expect(text).not.toContain(keys.one);
  expect(text).toContain('"route":"/healthz"');
});

test('a log line has the job id beside the request id, and the job keeps the id of its request', async () => {
  const { call, log } = api();
  const requestId = '0d1a1f0e-3a0c-4a55-9d5b-6f1d6a3e2b11';
  const { body } = await call('POST', '/v1/exports', {
    body: { selection: { type: 'all' } },
    headers: { 'x-request-id': requestId },
  });
  expect(body.requestId).toBe(requestId);
  await call('GET', `/v1/jobs/${body.id}`);
  const lines = log.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 'info',
      process: 'api',
      route: '/v1/exports',
      requestId,
      jobId: body.id,
    }),
  );
  expect(lines).toContainEqual(expect.objectContaining({ route: '/v1/jobs/:id', jobId: body.id }));
  for (const { time } of lines) expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

/**
 * The present readiness. On a busy machine, a part may not respond within two seconds. Then this
 * asks again, unless the test itself keeps the part from responding.
 */
const ready = (silent?: '/storage' | '/temporal') =>
  waitUntil(async () => {
    // The API caches this answer for a second.
    await sleep(1_100);
    const answer = await api().call('GET', '/readyz');
    const errors = (answer.body.errors ?? []) as { pointer: string; detail: string }[];
    const isLate = ({ pointer, detail }: (typeof errors)[number]) =>
      detail.endsWith('does not respond.') && pointer !== silent;
    return !errors.some(isLate) && answer;
  });

test('readyz requires database, schema, storage and Temporal, and warns when no worker serves the queue', async () => {
  const { starter, database, storage } = api();
  const query = (text: string, values?: unknown[]) => database.owner.pool.query(text, values);
  const beat = (ago: string, queue: string | null) =>
    query(
      `INSERT INTO worker_heartbeats (worker_id, task_queue, beat_at) VALUES ('w', $2, now() - $1::interval)
       ON CONFLICT (worker_id) DO UPDATE SET beat_at = excluded.beat_at, task_queue = excluded.task_queue`,
      [ago, queue],
    );
  const unserved = {
    status: 200,
    body: {
      status: 'ok',
      warnings: [
        { part: 'queue', detail: 'no worker serves the queue keepsake; jobs wait for a worker.' },
      ],
    },
  };
  expect(await ready()).toMatchObject(unserved);
  await beat('16 seconds', 'keepsake');
  expect(await ready()).toMatchObject(unserved);
  await beat('1 second', 'another');
  expect(await ready()).toMatchObject(unserved);
  await beat('1 second', 'keepsake');
  expect(await ready()).toMatchObject({ status: 200, body: { status: 'ok', warnings: [] } });

  starter.isAway = true;
  const away = await ready('/temporal');
  starter.isAway = false;
  expect(away).toMatchObject({
    status: 503,
    body: {
      type: '/problems/not-ready',
      detail: 'Not ready. temporal: Temporal does not respond.',
      errors: [{ pointer: '/temporal', detail: 'Temporal does not respond.' }],
    },
  });
  expect(away.headers['retry-after']).toBe('5');

  const check = vi
    .spyOn(storage, 'check')
    .mockRejectedValue(new StorageError('', Object.assign(new Error(), { code: 'EROFS' })));
  expect((await ready()).body.errors).toEqual([
    { pointer: '/storage', detail: 'the storage is not writable.' },
  ]);
  check.mockImplementation(() => new Promise(() => {}));
  expect((await ready('/storage')).body.errors).toEqual([
    { pointer: '/storage', detail: 'the storage does not respond.' },
  ]);
  check.mockRestore();

  await query('ALTER TABLE kysely_migration RENAME TO kysely_migration_away');
  const bare = await ready();
  await query('ALTER TABLE kysely_migration_away RENAME TO kysely_migration');
  expect(bare.body.errors).toMatchObject([
    { pointer: '/schema', detail: expect.stringContaining('npm run migrate') as string },
    { pointer: '/queue' },
  ]);
});
