import type { AddressInfo } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { MAX_STREAMS_PER_KEY } from '../../../api/jobs/job-streams.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { openEvents, type EventReader } from '../../support/steps/events.ts';
import { useApi } from '../support.ts';

const api = useApi();
let base = '';

beforeAll(async () => {
  const { app } = api();
  await app.listen({ host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
});

const NOBODY_DELETED = { deleted: 0, changedSinceBackup: 0, notFound: 0, held: 0, failed: 0 };

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

/** Adds a running deletion of the workspace `one`, with a filter. */
const insertJob = async (): Promise<string> => {
  const id = uuidv7();
  const selection = { type: 'filter', filter: { field: 'country', op: 'is', value: 'IN' } };
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, phase, selection, actor_key_id, total)
     VALUES ($1, 'one', 'deletion', 'running', 'backingUp', $2, $3, 10)`,
    [id, selection, api().keyIds.one],
  );
  return id;
};

const enter = (id: string, phase: string) =>
  query('UPDATE jobs SET phase = $2, phase_started_at = now() WHERE id = $1', [id, phase]);

const finish = (id: string) =>
  query(`UPDATE jobs SET state = 'succeeded', phase = NULL, finished_at = now() WHERE id = $1`, [
    id,
  ]);

const open = (id: string, lastEventId?: string, key = api().keys.one): Promise<EventReader> =>
  openEvents(`${base}/v1/jobs/${id}/events`, key, lastEventId);

const makeKey = (): Promise<{ id: string; key: string }> =>
  createApiKey(api().database.owner.db, {
    role: 'ops',
    workspaceId: null,
    ownerName: 'olga',
    ownerEmail: 'olga@keys.example',
  });

test('a stream sends the current state at once, then each change and the end, and closes', async () => {
  const id = await insertJob();
  const events = await open(id);
  expect(events.status).toBe(200);
  expect(events.headers.get('content-type')).toMatch(/^text\/event-stream/);
  expect(events.headers.get('cache-control')).toBe('no-store, no-transform');
  const first = await events.next();
  expect(first).toMatchObject({ event: 'progress', data: { id, phase: 'backingUp' } });
  const { body } = await api().call('GET', `/v1/jobs/${id}`);
  expect(first?.data).toEqual(body);
  expect(events.text()).toMatch(/^retry: 2000\n\n/);
  await enter(id, 'deleting');
  expect(await events.next()).toMatchObject({ event: 'progress', data: { phase: 'deleting' } });
  await finish(id);
  expect(await events.next()).toMatchObject({ event: 'finished', data: { state: 'succeeded' } });
  expect(await events.next()).toBeUndefined();
});

test('the end of a deletion says which users a retry selects, as the job itself does', async () => {
  const id = await insertJob();
  const events = await open(id);
  expect((await events.next())?.data.retrySelects).toBeUndefined();
  await query(
    `UPDATE jobs SET state = 'failed', phase = NULL, finished_at = now(), error_type = 'rowSecurity',
            counts = $2 WHERE id = $1`,
    [id, { ...NOBODY_DELETED, selected: 10, unprocessed: 10 }],
  );
  const { body } = await api().call('GET', `/v1/jobs/${id}`);
  expect(body.retrySelects).toBe('again');
  expect(await events.next()).toMatchObject({ event: 'finished', data: body });
});

test('after a reconnect, a reader gets only states that it has not seen', async () => {
  const id = await insertJob();
  const before = await open(id);
  const seen = (await before.next())!;
  before.close();

  const same = await open(id, seen.id);
  await enter(id, 'verifyingBackup');
  expect((await same.next())?.data.phase).toBe('verifyingBackup');
  same.close();

  const moved = await open(id, seen.id);
  const now = (await moved.next())!;
  expect(now.data.phase).toBe('verifyingBackup');
  moved.close();

  await finish(id);
  const late = await open(id, now.id);
  const last = (await late.next())!;
  expect(last.event).toBe('finished');
  expect(await late.next()).toBeUndefined();

  const after = await open(id, last.id);
  expect(after.status).toBe(204);
});

test('an unknown Last-Event-ID is ignored', async () => {
  const id = await insertJob();
  const events = await open(id, 'x'.repeat(4_000));
  expect((await events.next())?.event).toBe('progress');
  events.close();
});

test('a role that sees no users gets no filter values in the stream', async () => {
  const id = await insertJob();
  const [admin, ops] = [await open(id), await open(id, undefined, api().keys.ops)];
  expect((await admin.next())?.data.selection.filter).toBeDefined();
  expect((await ops.next())?.data.selection).toEqual({ type: 'filter' });
  await enter(id, 'deleting');
  expect((await admin.next())?.data.selection.filter).toBeDefined();
  expect((await ops.next())?.data.selection).toEqual({ type: 'filter' });
  admin.close();
  ops.close();
});

test('a request from another workspace, for an unknown job, or with HEAD gets no stream', async () => {
  const id = await insertJob();
  const { call, keys } = api();
  expect((await call('GET', `/v1/jobs/${id}/events`, { key: keys.two })).status).toBe(404);
  expect((await call('GET', `/v1/jobs/${uuidv7()}/events`)).status).toBe(404);
  expect((await call('HEAD', `/v1/jobs/${id}/events`)).status).toBe(405);
});

test('a key has a maximum number of streams, and a closed stream makes room for another', async () => {
  const id = await insertJob();
  const { key } = await makeKey();
  const streams = await Promise.all(
    Array.from({ length: MAX_STREAMS_PER_KEY }, () => open(id, undefined, key)),
  );
  expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
  const refused = await api().call('GET', `/v1/jobs/${id}/events`, { key });
  expect(refused).toMatchObject({ status: 429, body: { type: '/problems/too-many-requests' } });
  expect(refused.headers['retry-after']).toBe('10');
  const other = await open(id);
  expect(other.status).toBe(200);
  other.close();

  streams[0]!.close();
  let again: EventReader | undefined;
  await expect.poll(async () => (again = await open(id, undefined, key)).status).toBe(200);
  for (const stream of [...streams, again!]) stream.close();
});

test('the stream of a revoked key ends', async () => {
  const id = await insertJob();
  const made = await makeKey();
  const [revoked, other] = [await open(id, undefined, made.key), await open(id)];
  await Promise.all([revoked.next(), other.next()]);
  await query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [made.id]);
  expect(await revoked.next()).toBeUndefined();
  await enter(id, 'deleting');
  expect((await other.next())?.data.phase).toBe('deleting');
  other.close();
});

test('a stream ends when the API closes, and does not delay the closing', async () => {
  const id = await insertJob();
  const events = await open(id);
  await events.next();
  const closing = api().app.close();
  expect(await events.next()).toBeUndefined();
  await closing;
});
