import { expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { useApi } from '../support.ts';

const api = useApi();

const post = (body: unknown, headers: Record<string, string> = {}) =>
  api().call('POST', '/v1/exports', { body, headers });

const manyNames = (count: number) => Array.from({ length: count }, (_, n) => `properties.p${n}`);

const define = (name: string) =>
  api().call('POST', '/v1/properties', { body: { name, type: 'string' } });

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
  [{ selection: { type: 'all' }, format: 'xml' }, '/format'],
  [{ selection: { type: 'all' }, compression: null }, '/compression'],
  [{ selection: { type: 'all' }, notify: 1 }, '/notify'],
  [{ selection: { type: 'all' }, columns: null }, '/columns'],
  [{ selection: { type: 'all' }, columns: 'userId' }, '/columns'],
  [{ selection: { type: 'all' }, columns: [] }, '/columns'],
  [{ selection: { type: 'all' }, columns: ['userId', ''] }, '/columns/1'],
  [{ selection: { type: 'all' }, columns: ['userId', 'tags', 'userId'] }, '/columns/2'],
  [{ selection: { type: 'all' }, columns: ['userId', 'user_id'] }, '/columns/1'],
  [{ selection: { type: 'all' }, columns: ['userId', 'tags', 'dob', 'plan'] }, '/columns/3'],
  [{ selection: { type: 'all' }, columns: ['properties.plan2'] }, '/columns/0'],
  [{ selection: { type: 'all' }, columns: ['properties'] }, '/columns/0'],
  [{ selection: { type: 'all' }, columns: ['constructor'] }, '/columns/0'],
  [{ selection: { type: 'all' }, columns: manyNames(320) }, '/columns'],
  [{ selection: { type: 'all' }, spreadsheetSafe: 'no' }, '/spreadsheetSafe'],
  [{ selection: { type: 'all' }, spreadsheetSafe: null }, '/spreadsheetSafe'],
  ['{"selection":{"type":"all"},"selection":{"type":"all"}}', '/selection'],
  ['{"selection":{"type":"ids","ids":["a\\u0000"]}}', '/selection/ids/0'],
  ['{"selection":{"type":"all","__proto__":{}}}', '/selection/__proto__'],
])('POST /v1/exports points to the wrong field in %j', async (body, pointer) => {
  const answer = await post(body);
  expect(answer).toMatchObject({ status: 400, body: { type: '/problems/invalid-request' } });
  expect(answer.body.errors[0].pointer).toBe(pointer);
});

test('an export without chosen columns stores the columns of that time, with each custom property by name', async () => {
  await define('plan');
  await define('Zip');
  const { status, body } = await post({ selection: { type: 'all' } });
  expect(status).toBe(202);
  expect(body).toMatchObject({ format: 'csv', compression: 'gzip', spreadsheetSafe: true });
  expect(body.columns.slice(0, 2)).toEqual(['userId', 'firstName']);
  expect(body.columns.slice(17)).toEqual([
    'createdAt',
    'updatedAt',
    'properties.Zip',
    'properties.plan',
  ]);
  await define('later');
  const again = await api().call('GET', `/v1/jobs/${body.id}`);
  expect(again.body.columns).toEqual(body.columns);
});

test('the chosen format, compression and columns are stored and shown in the requested order', async () => {
  await define('score');
  const columns = ['properties.score', 'userId'];
  const asked = { format: 'ndjson', compression: 'none', columns };
  const json = await post({ selection: { type: 'all' }, ...asked });
  expect(json).toMatchObject({ status: 202, body: { ...asked, spreadsheetSafe: false } });
  const plain = await post({ selection: { type: 'all' }, spreadsheetSafe: false });
  expect(plain.body).toMatchObject({ format: 'csv', spreadsheetSafe: false });
  const ops = await api().call('GET', `/v1/jobs/${json.body.id}`, { key: api().keys.ops });
  expect(ops.body.columns).toEqual(columns);
  const theirs = await api().call('POST', '/v1/exports', {
    key: api().keys.two,
    body: { selection: { type: 'all' }, columns },
  });
  expect(theirs.body.errors[0].pointer).toBe('/columns/0');
});

test('NDJSON with spreadsheetSafe is refused', async () => {
  const body = { selection: { type: 'all' }, format: 'ndjson', spreadsheetSafe: true };
  const answer = await post(body);
  expect(answer).toMatchObject({ status: 422, body: { type: '/problems/unprocessable' } });
  expect(answer.body.errors).toEqual([{ detail: expect.any(String), pointer: '/spreadsheetSafe' }]);
  expect((await post({ ...body, spreadsheetSafe: false })).status).toBe(202);
});

test('a body of malformed JSON, an empty body, and a body of another type are refused', async () => {
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

test('a body with 10,000 long ids is accepted, and a body beyond the limit is refused', async () => {
  const ids = Array.from({ length: 10_000 }, (_, n) => String(n).padEnd(255, '€'));
  expect((await post({ selection: { type: 'ids', ids } })).status).toBe(202);
  const tooMany = [...ids, 'one more'];
  expect((await post({ selection: { type: 'ids', ids: tooMany } })).status).toBe(400);
  const huge = await post(`{"x":"${'x'.repeat(13 * 1024 * 1024)}"}`);
  expect(huge).toMatchObject({ status: 413, body: { type: '/problems/body-too-large' } });
});

test('an export by a segment stores a copy of its current filter, with relative dates as timestamps', async () => {
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

test('while PostgreSQL is away, the answer is 503 with Retry-After', async () => {
  const { call, database } = api();
  const { pool } = database.api;
  const connect = pool.connect.bind(pool);
  pool.connect = refuse as typeof pool.connect;
  const answer = await call('GET', '/v1/me');
  pool.connect = connect;
  expect(answer).toMatchObject({ status: 503, body: { type: '/problems/database-unavailable' } });
  expect(answer.headers['retry-after']).toBe('5');
});
