import { expect, test } from 'vitest';
import { keyed, useWebhooks } from './webhooks-support.ts';

const { api, sql, create, endJob, settle } = useWebhooks();

test('deliveries are listed newest first, by page and by state', async () => {
  const { id } = await create();
  const ids = [await endJob(id), await endJob(id), await endJob(id)];
  await settle(ids[0]!, 'failed');
  const list = (query = '') => api().call('GET', `/v1/webhooks/${id}/deliveries${query}`);
  const first = await list('?limit=2');
  const rest = await list(`?limit=2&cursor=${first.body.nextCursor}`);
  const all = [...first.body.data, ...rest.body.data] as { id: string }[];
  expect(all.map((one) => one.id)).toEqual(ids.toReversed());
  expect(rest.body.nextCursor).toBeNull();
  expect(all[0]).toMatchObject({
    eventType: 'job.failed',
    state: 'pending',
    attempts: 0,
    lastStatus: null,
    finishedAt: null,
  });
  expect(all[2]).toMatchObject({
    state: 'failed',
    attempts: 1,
    lastStatus: 500,
    lastError: 'status',
    lastDurationMs: 12,
    nextAttemptAt: null,
  });
  expect((await list('?state=failed')).body.data).toMatchObject([{ id: ids[0] }]);
  const ofAll = await list('?state=failed&state=pending&state=delivered');
  expect(ofAll.body.data).toEqual(all);
  expect((await list('?state=none')).status).toBe(400);
  expect((await list('?cursor=x')).status).toBe(400);
  const one = await api().call('GET', `/v1/webhooks/${id}/deliveries/${ids[0]}`);
  expect(one.body).toEqual(all[2]);
});

test('an ended delivery is sent again with its id, once for each key, and a pending delivery is refused', async () => {
  const { id } = await create();
  const deliveryId = await endJob(id);
  const replay = (key?: string) =>
    api().call('POST', `/v1/webhooks/${id}/deliveries/${deliveryId}/replay`, {
      headers: key === undefined ? {} : keyed(key),
    });
  expect(await replay()).toMatchObject({ status: 409, body: { type: '/problems/wrong-state' } });
  await settle(deliveryId, 'delivered');
  const replayed = await replay('p-1');
  expect(replayed).toMatchObject({ status: 202, body: { id: deliveryId, state: 'pending' } });
  expect(replayed.headers['location']).toBe(`/v1/webhooks/${id}/deliveries/${deliveryId}`);
  const started = { deliveryId, round: 2, workspaceId: 'one' };
  expect(api().starter.deliveries).toEqual([started]);
  await settle(deliveryId, 'failed');
  expect(await replay('p-1')).toMatchObject({ status: 202, body: { state: 'failed' } });
  expect(api().starter.deliveries).toEqual([started]);
  expect((await replay('p-2')).body.state).toBe('pending');
});

test('a test is a delivery without a job: one at a time, once per key, also while Temporal is away', async () => {
  const { id } = await create();
  const send = (key?: string) =>
    api().call('POST', `/v1/webhooks/${id}/test`, { headers: key === undefined ? {} : keyed(key) });
  api().starter.isAway = true;
  const sent = await send('t-1');
  expect(sent).toMatchObject({
    status: 202,
    body: { eventType: 'webhook.test', jobId: null, state: 'pending' },
  });
  expect((await send('t-1')).body.id).toBe(sent.body.id);
  expect((await send()).status).toBe(409);
  await settle(String(sent.body.id), 'failed');
  api().starter.isAway = false;
  expect((await send()).status).toBe(202);
  expect(api().starter.deliveries).toHaveLength(1);
});

test('a disabled webhook gets no tests and no replays, but a key still returns its delivery', async () => {
  const { id } = await create();
  const deliveryId = await endJob(id);
  await settle(deliveryId, 'failed');
  const test = () => api().call('POST', `/v1/webhooks/${id}/test`, { headers: keyed('t-2') });
  const sent = await test();
  await api().call('PATCH', `/v1/webhooks/${id}`, { body: { enabled: false } });
  expect(await test()).toMatchObject({ status: 202, body: { id: sent.body.id } });
  for (const path of ['test', `deliveries/${deliveryId}/replay`]) {
    expect(await api().call('POST', `/v1/webhooks/${id}/${path}`)).toMatchObject({
      status: 409,
      body: { type: '/problems/wrong-state' },
    });
  }
});

test('another workspace finds neither a webhook nor its deliveries, and changes nothing of them', async () => {
  const { id } = await create();
  const deliveryId = await endJob(id);
  await settle(deliveryId, 'failed');
  const key = api().keys.two;
  const paths: ['GET' | 'PATCH' | 'POST' | 'DELETE', string, unknown?][] = [
    ['GET', ''],
    ['PATCH', '', { enabled: false }],
    ['DELETE', ''],
    ['POST', '/rotate-secret'],
    ['POST', '/test'],
    ['GET', '/deliveries'],
    ['GET', `/deliveries/${deliveryId}`],
    ['POST', `/deliveries/${deliveryId}/replay`],
  ];
  for (const [method, path, body] of paths) {
    const options = { key, ...(body !== undefined && { body }) };
    const { status } = await api().call(method, `/v1/webhooks/${id}${path}`, options);
    expect({ method, path, status }).toEqual({ method, path, status: 404 });
  }
  expect((await api().call('GET', '/v1/webhooks', { key })).body.data).toEqual([]);
  const other = (await create()).id;
  const crossed = `/v1/webhooks/${other}/deliveries/${deliveryId}`;
  expect((await api().call('GET', crossed)).status).toBe(404);
  expect((await api().call('POST', `${crossed}/replay`)).status).toBe(404);
  const [row] = await sql('SELECT state, round FROM webhook_deliveries WHERE id = $1', [
    deliveryId,
  ]);
  expect(row).toEqual({ state: 'failed', round: 1 });
});
