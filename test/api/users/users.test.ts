import { beforeAll, expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

beforeAll(async () => {
  for (const [name, type] of [
    ['plan', 'string'],
    ['score', 'number'],
    ['vip', 'boolean'],
    ['seenAt', 'datetime'],
    ['likes', 'list'],
    ['site', 'url'],
  ]) {
    await api().call('POST', '/v1/properties', { body: { name, type } });
  }
});

const merge = (body: unknown) => api().call('POST', '/v1/users', { body });
const get = (userId: string) => api().call('GET', `/v1/users/${encodeURIComponent(userId)}`);
const stampOf = async (userId: string) => {
  const row = await api()
    .database.owner.db.selectFrom('users')
    .select('written_in')
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row?.written_in;
};

test('a user is returned as sent, with null for unknown values', async () => {
  const given = {
    userId: 'Ünï/"quoted" 1',
    firstName: 'Zoë',
    lastName: '',
    email: 'zoe@example.com',
    phone: '919000500000',
    dob: '2000-02-29',
    emailOptin: false,
    tags: ['a', '🎉 b'],
    properties: { plan: 'plus', score: 1.5, vip: true, seenAt: '2026-01-02T03:04:05+01:00' },
  };
  const made = await merge(given);
  expect(made.body).toEqual({ data: [{ userId: given.userId, outcome: 'created' }] });
  const { body, headers } = await get(given.userId);
  expect(headers['content-type']).toContain('application/json');
  expect(body).toMatchObject({
    ...given,
    lastName: null,
    city: null,
    smsOptin: null,
    legalHold: false,
    properties: { ...given.properties, seenAt: '2026-01-02T02:04:05.000000Z' },
  });
  // PostgreSQL omits trailing zeros.
  expect(body.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/);
});

test('a merge keeps missing fields, clears null fields, and applies the changes in order', async () => {
  const { body } = await merge([
    {
      userId: 'm1',
      firstName: 'A',
      city: 'Pune',
      tags: ['x'],
      properties: { plan: 'a', score: 1 },
    },
    { userId: 'm1', firstName: 'B', city: null, properties: { plan: null, vip: true } },
    { userId: 'm2' },
  ]);
  expect(body.data).toEqual([
    { userId: 'm1', outcome: 'created' },
    { userId: 'm1', outcome: 'updated' },
    { userId: 'm2', outcome: 'created' },
  ]);
  await merge({ userId: 'm1', lastName: 'C', tags: [], properties: { score: null } });
  expect((await get('m1')).body).toMatchObject({
    firstName: 'B',
    lastName: 'C',
    city: null,
    tags: [],
    properties: { vip: true },
  });
  expect(Object.keys((await get('m1')).body.properties)).toEqual(['vip']);
});

test('a merge that changes nothing writes no row', async () => {
  const user = { userId: 'same', firstName: 'S', tags: ['t'], properties: { score: 2 } };
  await merge(user);
  const before = await stampOf('same');
  expect((await merge(user)).body.data).toEqual([{ userId: 'same', outcome: 'updated' }]);
  expect(await stampOf('same')).toBe(before);
  await merge({ ...user, firstName: 'T' });
  expect(await stampOf('same')).not.toBe(before);
});

test.each([
  [{ nope: 1 }, '/nope'],
  [{ firstName: 1 }, '/firstName'],
  [{ firstName: 'x'.repeat(256) }, '/firstName'],
  [{ dob: '2023-02-29' }, '/dob'],
  [{ phone: '+49 12' }, '/phone'],
  [{ email: 'nobody' }, '/email'],
  [{ emailOptin: 'true' }, '/emailOptin'],
  [{ legalHold: null }, '/legalHold'],
  [{ tags: ['a;b'] }, '/tags'],
  [{ tags: [''] }, '/tags'],
  [{ tags: Array.from({ length: 101 }, String) }, '/tags'],
  [{ createdAt: '2026-01-01T00:00:00Z' }, '/createdAt'],
  [{ properties: [] }, '/properties'],
  [{ properties: { unknown: 1 } }, '/properties/unknown'],
  [{ properties: { plan: 1 } }, '/properties/plan'],
  [{ properties: { score: 1234567890.1234567 } }, '/properties/score'],
  [{ properties: { seenAt: 'yesterday' } }, '/properties/seenAt'],
  [{ properties: { site: 'javascript:alert(1)' } }, '/properties/site'],
])('%j fails only its own user, with a pointer to the wrong field', async (wrong, pointer) => {
  const { status, body } = await merge([{ userId: 'bad', ...wrong }, { userId: 'good' }]);
  expect(status).toBe(200);
  expect(body.data[0]).toMatchObject({
    userId: 'bad',
    outcome: 'failed',
    error: { pointer: `/0${pointer}` },
  });
  expect(body.data[1].outcome).toMatch(/created|updated/);
  expect((await get('bad')).status).toBe(404);
  const patched = await api().call('PATCH', '/v1/users/good', { body: wrong });
  expect(patched.status).toBe(400);
  expect(patched.body.errors[0].pointer).toBe(pointer);
});

test.each([
  [[], ''],
  [5, ''],
  [[5], '/0'],
  [{ firstName: 'x' }, '/userId'],
  [[{ userId: '' }], '/0/userId'],
  [[{ userId: '  ' }], '/0/userId'],
  [[{ userId: '\u200B' }], '/0/userId'],
  [[{ userId: 'a' }, { userId: 'x'.repeat(256) }], '/1/userId'],
  [Array.from({ length: 1_001 }, (_, index) => ({ userId: `u${index}` })), ''],
])('a body that is not a valid list of users is refused as a whole (%#)', async (body, pointer) => {
  const { status, body: answer } = await merge(body);
  expect(status).toBe(400);
  expect(answer.errors[0].pointer).toBe(pointer);
});

test('simultaneous merges of the same new users neither fail nor lose a field', async () => {
  const ids = Array.from({ length: 300 }, (_, index) => `race-${index}`);
  const fields = ['firstName', 'lastName', 'city', 'country'];
  const answers = await Promise.all(
    fields.map((field, index) => {
      const users = ids.map((userId) => ({ userId, [field]: field }));
      return merge(index % 2 === 0 ? users : users.toReversed());
    }),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const created = answers.flatMap(({ body }) =>
    body.data.filter(({ outcome }: { outcome: string }) => outcome === 'created'),
  );
  expect(created).toHaveLength(ids.length);
  for (const id of ['race-0', 'race-150', 'race-299']) {
    const { body } = await get(id);
    for (const field of fields) expect(body[field]).toBe(field);
  }
});

test('an admin can set a hold, but cannot clear it', async () => {
  await merge({ userId: 'held', legalHold: true });
  const one = await api().call('PATCH', '/v1/users/held', { body: { legalHold: false } });
  expect(one.status).toBe(403);
  const many = await merge([{ userId: 'held', city: 'Rome', legalHold: false }]);
  expect(many.body.data[0]).toMatchObject({
    outcome: 'failed',
    error: { pointer: '/0/legalHold' },
  });
  expect((await get('held')).body).toMatchObject({ legalHold: true, city: null });
});

test('users of another workspace are not found', async () => {
  await merge({ userId: 'mine' });
  const key = api().keys.two;
  expect((await api().call('GET', '/v1/users/mine', { key })).status).toBe(404);
  const patched = await api().call('PATCH', '/v1/users/mine', { key, body: { city: 'X' } });
  expect(patched.status).toBe(404);
  expect((await api().call('GET', '/v1/users', { key })).body.data).toEqual([]);
});

test.each(['userId', '-userId', 'createdAt', '-createdAt'])(
  'pages sorted by %s list every user once',
  async (sort) => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const at = cursor === null ? '' : `&cursor=${cursor}`;
      const { body } = await api().call('GET', `/v1/users?sort=${sort}&limit=60&count=exact${at}`);
      seen.push(...body.data.map(({ userId }: { userId: string }) => userId));
      cursor = body.nextCursor;
      expect(body.count).toBeGreaterThanOrEqual(seen.length);
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(seen.length);
    const sorted = [...seen].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const inOrder = { userId: sorted, '-userId': sorted.toReversed() }[sort] ?? seen;
    expect(seen).toEqual(inOrder);
  },
);

test('users are found by a prefix of the email address, phone number, names or id', async () => {
  await merge({
    userId: 'find-me',
    email: 'Find_100%@example.com',
    phone: '4912345678',
    firstName: 'Fiona',
    lastName: "O'Hara",
  });
  for (const q of ['find-', 'find_100%', 'FIND_1', '+49 1234', 'fio', "o'h"]) {
    const { body } = await api().call('GET', `/v1/users?q=${encodeURIComponent(q)}`);
    expect(body.data.map(({ userId }: { userId: string }) => userId)).toEqual(['find-me']);
  }
  expect((await api().call('GET', '/v1/users?q=f%25')).body.data).toEqual([]);
});

test.each([
  ['limit=0', '?limit'],
  ['limit=201', '?limit'],
  ['sort=email', '?sort'],
  ['cursor=abc', '?cursor'],
  ['filter=%7B', '?filter'],
  [`filter=${encodeURIComponent('{"and":[]}')}`, '?filter/and'],
  [`filter=${encodeURIComponent('{"field":"x","op":"isKnown"}')}`, '?filter/field'],
  [`filter=${encodeURIComponent('{"field":"city","op":"is","value":"\\u0000"}')}`, '?filter/value'],
  ['nope=1', '?nope'],
])('GET /v1/users?%s is refused', async (query, pointer) => {
  const { status, body } = await api().call('GET', `/v1/users?${query}`);
  expect(status).toBe(400);
  expect(body.errors[0].pointer).toBe(pointer);
});

test('a property is defined once, with a known type and a plain name', async () => {
  const define = (body: unknown) => api().call('POST', '/v1/properties', { body });
  expect((await define({ name: 'plan', type: 'number' })).status).toBe(409);
  expect((await define({ name: 'a b', type: 'string' })).body.errors[0].pointer).toBe('/name');
  expect((await define({ name: 'ok', type: 'int' })).body.errors[0].pointer).toBe('/type');
  const { body } = await api().call('GET', '/v1/properties?limit=2');
  expect(body.data.map(({ name }: { name: string }) => name)).toEqual(['likes', 'plan']);
  const next = await api().call('GET', `/v1/properties?cursor=${body.nextCursor}`);
  expect(next.body.data[0]).toMatchObject({ name: 'score', type: 'number' });
});

test('the 301st property of a workspace is refused, even when many are defined at once', async () => {
  const key = api().keys.two;
  const answers = await Promise.all(
    Array.from({ length: 305 }, (_, index) =>
      api().call('POST', '/v1/properties', { key, body: { name: `p${index}`, type: 'string' } }),
    ),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(300);
  expect(answers.filter(({ status }) => status === 422)).toHaveLength(5);
});

test('a segment keeps its relative dates, counts its users and filters the list of users', async () => {
  await merge([
    { userId: 'seg-old', properties: { plan: 'seg', seenAt: '2020-01-01T00:00:00Z' } },
    { userId: 'seg-new', properties: { plan: 'seg', seenAt: new Date().toISOString() } },
  ]);
  const filter = {
    and: [
      { field: 'properties.plan', op: 'is', value: 'seg' },
      { field: 'properties.seenAt', op: 'lt', value: { daysAgo: 90 } },
    ],
  };
  const made = await api().call('POST', '/v1/segments', { body: { name: 'Churned', filter } });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ name: 'Churned', filter, count: 1 });
  const url = `/v1/segments/${made.body.id}`;
  const listed = await api().call('GET', `/v1/users?segmentId=${made.body.id}&count=exact`);
  expect(listed.body).toMatchObject({ data: [{ userId: 'seg-old' }], count: 1 });

  const twice = await api().call('POST', '/v1/segments', { body: { name: 'Churned', filter } });
  expect(twice.status).toBe(409);
  expect((await api().call('PATCH', url, { body: {} })).status).toBe(400);
  const changed = { field: 'properties.plan', op: 'is', value: 'seg' };
  const patched = await api().call('PATCH', url, { body: { filter: changed } });
  expect(patched.body).toMatchObject({ name: 'Churned', filter: changed, count: 2 });
  expect((await api().call('GET', url, { key: api().keys.two })).status).toBe(404);
  expect((await api().call('DELETE', url)).status).toBe(204);
  expect((await api().call('GET', url)).status).toBe(404);
});

test.each([
  [{ and: [] }, '/filter/and'],
  [{}, '/filter'],
  [{ field: 'properties.gone', op: 'isKnown' }, '/filter/field'],
  [{ not: { field: 'city', op: 'lt', value: 'a' } }, '/filter/not/op'],
  [{ field: 'city', op: 'is', value: '' }, '/filter/value'],
  [{ field: 'dob', op: 'is', value: '2023-02-30' }, '/filter/value'],
])('a segment with the filter %j is refused', async (filter, pointer) => {
  const { status, body } = await api().call('POST', '/v1/segments', {
    body: { name: 'x', filter },
  });
  expect(status).toBe(400);
  expect(body.errors[0].pointer.startsWith(pointer)).toBe(true);
});

test('an id has at most 255 characters as PostgreSQL counts them, also with two UTF-16 units each', async () => {
  const longest = '🎉'.repeat(255);
  expect((await merge({ userId: longest })).body.data[0].outcome).toBe('created');
  expect((await get(longest)).body.userId).toBe(longest);
  for (const userId of [`${longest}x`, 'x'.repeat(256), 'x'.repeat(600)]) {
    const refused = await merge({ userId });
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: '/userId' }] } });
  }
});
