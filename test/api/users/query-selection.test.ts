import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { useApi } from '../support.ts';

const api = useApi();

const inIndia = { field: 'country', op: 'is', value: 'IN' };
let segmentId: string;

const preview = (selection: unknown) =>
  api().call('POST', '/v1/deletion-previews', { body: { selection } });

const confirm = (previewId: string, count: number) =>
  api().call('POST', '/v1/deletions', {
    body: { previewId, confirm: { count }, reason: 'they left' },
  });

const owner = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

beforeAll(async () => {
  await api().addUsers('one', 20, 'churned');
  await api().addUsers('one', 80, 'rest');
  await owner("UPDATE users SET country = 'IN' WHERE user_id < 'churned-00010'");
  const made = await api().call('POST', '/v1/segments', {
    body: { name: 'India', filter: inIndia },
  });
  segmentId = made.body.id;
});

test.each([
  [{}, '/selection'],
  [{ excludeIds: ['u-1'] }, '/selection'],
  [{ q: '' }, '/selection/q'],
  [{ q: null }, '/selection/q'],
  [{ q: 'x'.repeat(256) }, '/selection/q'],
  [{ q: ['churned'] }, '/selection/q'],
  [{ filter: {} }, '/selection/filter'],
  [{ filter: null }, '/selection/filter'],
  [{ q: 'churned', filter: { and: [] } }, '/selection/filter/and'],
  [{ q: 'churned', filter: { field: 'nope', op: 'isKnown' } }, '/selection/filter/field'],
  [{ q: 'churned', segmentId: null }, '/selection/segmentId'],
  [{ q: 'churned', segmentId: 'x' }, '/selection/segmentId'],
  [{ q: 'churned', search: 'x' }, '/selection/search'],
  [{ q: 'churned', excludeIds: [] }, '/selection/excludeIds'],
])('a query with an empty or wrong part is refused, and selects nobody: %j', async (query, at) => {
  for (const path of ['/v1/deletion-previews', '/v1/exports']) {
    const selection = { type: 'query', ...query };
    const answer = await api().call('POST', path, { body: { selection } });
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toContain(at);
  }
});

test('a query with a segment of another workspace is not found', async () => {
  const answer = await preview({ type: 'query', q: 'churned', segmentId: uuidv7() });
  expect(answer).toMatchObject({
    status: 404,
    body: { errors: [{ pointer: '/selection/segmentId' }] },
  });
});

test('every part of a query narrows it, and excluded ids are left out and reported', async () => {
  const counted = async (query: object) => (await preview({ type: 'query', ...query })).body.count;
  expect(await counted({ q: 'churned' })).toBe(20);
  expect(await counted({ q: 'churned', segmentId })).toBe(10);
  const filter = { field: 'userId', op: 'contains', value: '0000' };
  expect(await counted({ segmentId, filter })).toBe(10);
  expect(await counted({ q: 'churned-0001', filter: inIndia })).toBe(0);
  const excludeIds = ['churned-00003', 'rest-00001', 'nobody'];
  const seen = await preview({ type: 'query', q: 'churned', segmentId, excludeIds });
  expect(seen.body).toMatchObject({
    count: 9,
    excludedNotFoundSample: ['nobody'],
    excludedNotMatchingSample: ['rest-00001'],
  });
});

test('a job shows its query to admins only, and its segment as it was at the preview', async () => {
  const selection = { type: 'query', q: 'churned', segmentId, filter: inIndia };
  const { body: seen } = await preview({ ...selection, excludeIds: ['churned-00001'] });
  const body = { name: 'Renamed', filter: { field: 'country', op: 'is', value: 'DE' } };
  await api().call('PATCH', `/v1/segments/${segmentId}`, { body });
  const { body: job } = await confirm(seen.id, 9);
  const forAll = { type: 'query', segmentId, excludedCount: 1 };
  expect(job.selection).toEqual({
    ...forAll,
    segmentName: 'India',
    q: 'churned',
    segmentFilter: inIndia,
    filter: inIndia,
  });
  for (const key of [api().keys.platform, api().keys.ops]) {
    const shown = await api().call('GET', `/v1/jobs/${job.id}`, { key });
    expect(shown.body.selection).toEqual(forAll);
  }
  await api().call('PATCH', `/v1/segments/${segmentId}`, {
    body: { name: 'India', filter: inIndia },
  });
});

test('a preview whose stored selection lost or got a part cannot be confirmed', async () => {
  const changes = [
    "selection - 'q'",
    "selection - 'segment'",
    "selection - 'filter'",
    "selection - 'excludeIds'",
    `selection || '{"ids": []}'`,
    `selection || '{"q": null, "segment": null, "filter": null}'`,
    `selection || '{"type": "filter"}'`,
    `'{"type": "query"}'`,
  ];
  for (const change of changes) {
    const selection = { type: 'query', q: 'churned', segmentId, filter: inIndia };
    const { body: seen } = await preview(selection);
    await owner(`UPDATE previews SET selection = ${change} WHERE id = $1`, [seen.id]);
    const { status, body } = await confirm(seen.id, seen.count);
    expect({ change, status, type: body.type }).toEqual({
      change,
      status: 410,
      type: '/problems/preview-expired',
    });
  }
  expect(api().starter.started.filter(({ type }) => type === 'deletion')).toHaveLength(1);
});

test('a segment whose filter is not valid any more is refused by list, preview and export alike', async () => {
  const made = await api().call('POST', '/v1/segments', { body: { name: 'Old', filter: inIndia } });
  const old = { field: 'email', op: 'isNot', value: 'a\u200Bb@example.com' };
  await owner('UPDATE segments SET filter = $2 WHERE id = $1', [made.body.id, JSON.stringify(old)]);
  const answers = [
    await api().call('GET', `/v1/users?segmentId=${made.body.id}`),
    await preview({ type: 'segment', segmentId: made.body.id }),
    await preview({ type: 'query', segmentId: made.body.id }),
  ];
  for (const { status, body } of answers) {
    expect({ status, type: body.type }).toEqual({ status: 422, type: '/problems/unprocessable' });
  }
});

test('the text of a search reaches neither the log of the API nor the activity log', async () => {
  const q = 'canary-of-a-search';
  await api().call('GET', `/v1/users?q=${q}&count=exact`);
  const selection = { type: 'query', q };
  await preview(selection);
  expect((await api().call('POST', '/v1/exports', { body: { selection } })).status).toBe(202);
  const { rows } = await owner('SELECT activity::text AS line FROM activity');
  expect(rows.filter(({ line }) => line.includes(q))).toEqual([]);
  expect(api().log.filter((line) => line.includes(q))).toEqual([]);
});
