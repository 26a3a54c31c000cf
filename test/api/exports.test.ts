import { expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { useApi } from './support.ts';

const api = useApi();

const post = (body: unknown, headers: Record<string, string> = {}) =>
  api().call('POST', '/v1/exports', { body, headers });

const refuse = () =>
  Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));

test.each([
  [{}, '/selection'],
  [null, ''],
  [{ selection: null }, '/selection'],
  [{ selection: { type: 'everyone' } }, '/selection/type'],
  [{ selection: { type: 'all', x: 1 } }, '/selection/x'],
  [{ selection: { type: 'ids', ids: [] } }, '/selection/ids'],
  [{ selection: { type: 'ids', ids: [''] } }, '/selection/ids/0'],
  [{ selection: { type: 'all' }, format: 'ndjson' }, '/format'],
  [{ selection: { type: 'all' }, compression: null }, '/compression'],
  [{ selection: { type: 'all' }, notify: 1 }, '/notify'],
  [{ selection: { type: 'all' }, columns: ['userId'] }, '/columns'],
  ['{"selection":{"type":"all"},"selection":{"type":"all"}}', '/selection'],
  ['{"selection":{"type":"ids","ids":["a\\u0000"]}}', '/selection/ids/0'],
  ['{"selection":{"type":"all","__proto__":{}}}', '/selection/__proto__'],
])('POST /v1/exports names what is wrong in %j', async (body, pointer) => {
  const answer = await post(body);
  expect(answer).toMatchObject({ status: 400, body: { type: '/problems/invalid-request' } });
  expect(answer.body.errors[0].pointer).toBe(pointer);
});

test('a body that is no JSON, none at all, or of another type is refused', async () => {
  expect((await post('{"selection":')).body.type).toBe('/problems/malformed-json');
  expect((await post('')).body.type).toBe('/problems/malformed-json');
  const xml = await post('<a/>', { 'content-type': 'text/xml' });
  expect(xml).toMatchObject({ status: 415, body: { type: '/problems/unsupported-media-type' } });
  const none = await api().app.inject({
    method: 'POST',
    url: '/v1/exports',
    headers: { authorization: `Bearer ${api().keys.one}` },
  });
  expect(none.statusCode).toBe(400);
});

test('10,000 long ids fit, and a body beyond the limit is refused', async () => {
  const ids = Array.from({ length: 10_000 }, (_, n) => String(n).padEnd(255, '€'));
  expect((await post({ selection: { type: 'ids', ids } })).status).toBe(202);
  const tooMany = [...ids, 'one more'];
  expect((await post({ selection: { type: 'ids', ids: tooMany } })).status).toBe(400);
  const huge = await post(`{"x":"${'x'.repeat(13 * 1024 * 1024)}"}`);
  expect(huge).toMatchObject({ status: 413, body: { type: '/problems/body-too-large' } });
});

test('a segment is copied as it is now, with relative dates as moments', async () => {
  const id = uuidv7();
  const filter = { and: [{ field: 'createdAt', op: 'lt', value: { daysAgo: 1 } }] };
  await api().database.owner.pool.query(
    'INSERT INTO segments (id, workspace_id, name, filter) VALUES ($1, $2, $3, $4)',
    [id, 'one', 'Old', JSON.stringify(filter)],
  );
  const { status, body } = await post({ selection: { type: 'segment', segmentId: id } });
  expect(status).toBe(202);
  expect(body.selection).toMatchObject({ type: 'segment', segmentId: id });
  const moment = Date.parse(body.selection.filter.and[0].value);
  expect(Math.abs(Date.now() - 86_400_000 - moment)).toBeLessThan(60_000);
  const theirs = await api().call('POST', '/v1/exports', {
    key: api().keys.two,
    body: { selection: { type: 'segment', segmentId: id } },
  });
  expect(theirs.status).toBe(404);
});

test('where PostgreSQL is away, 503 says when to come back', async () => {
  const { call, database } = api();
  const { pool } = database.app;
  const connect = pool.connect.bind(pool);
  pool.connect = refuse as typeof pool.connect;
  const answer = await call('GET', '/v1/me');
  pool.connect = connect;
  expect(answer).toMatchObject({ status: 503, body: { type: '/problems/database-unavailable' } });
  expect(answer.headers['retry-after']).toBe('5');
});
