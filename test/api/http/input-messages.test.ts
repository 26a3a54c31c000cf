import { expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

const filter = (value: unknown) => ({ selection: { type: 'filter', filter: value } });
const ids = (count: number) => Array.from({ length: count }, (_, n) => `u-${n}`);
const users = (count: number) => ids(count).map((userId) => ({ userId }));
const is = { field: 'city', op: 'is', value: 'x' };

test.each([
  ['/v1/users', users(1_001), '', 'must have at most 1,000 items'],
  ['/v1/users', [], '', 'must not be empty'],
  ['/v1/users', { firstName: 'x' }, '/userId', 'is missing'],
  [
    '/v1/deletion-previews',
    filter({ field: 'city', op: 'in', value: ids(1_001) }),
    '/selection/filter/value',
    'must have at most 1,000 items',
  ],
  ['/v1/deletion-previews', filter({}), '/selection/filter', /an empty filter is an error/],
  [
    '/v1/deletion-previews',
    filter({ and: [] }),
    '/selection/filter/and',
    /does not select all users/,
  ],
  [
    '/v1/deletion-previews',
    filter({ not: {} }),
    '/selection/filter/not',
    /does not select all users/,
  ],
  ['/v1/deletion-previews', {}, '/selection', 'is missing'],
  [
    '/v1/deletion-previews',
    { selection: { type: 'all' } },
    '/selection/type',
    'must be one of ids, list, segment, filter',
  ],
  [
    '/v1/deletion-previews',
    { selection: { type: 'ids', ids: ['a', 'b', 'a'] } },
    '/selection/ids/2',
    'is repeated',
  ],
  [
    '/v1/deletions',
    { ...filter(is), reason: 'r' },
    '/selection/type',
    /make a preview first \(POST \/v1\/deletion-previews\)/,
  ],
  [
    '/v1/deletions',
    { selection: { type: 'ids', ids: ids(101) }, reason: 'r' },
    '/selection/ids',
    /more than 100 users; preview them first/,
  ],
  [
    '/v1/deletions',
    { selection: { type: 'ids', ids: ['a'] }, reason: '' },
    '/reason',
    'must not be empty',
  ],
  ['/v1/deletions', { selection: { type: 'ids', ids: ['a'] } }, '/reason', 'is missing'],
  ['/v1/exports', { selection: { type: 'all' }, notify: 1 }, '/notify', 'must be true or false'],
  [
    '/v1/exports',
    { selection: { type: 'all' }, compression: 'zip' },
    '/compression',
    'must be one of gzip, none',
  ],
  [
    '/v1/segments',
    { name: 'x'.repeat(256), filter: is },
    '/name',
    'must have at most 255 characters',
  ],
  ['/v1/segments', { name: 'a\r\nb', filter: is }, '/name', /must not have a line break/],
  ['/v1/segments', { name: ' ', filter: is }, '/name', 'must not be empty'],
])(
  'POST %s answers with one error: one pointer and one sentence (%#)',
  async (path, body, pointer, detail) => {
    const answer = await api().call('POST', path, { body });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
    expect(answer.body.errors).toHaveLength(1);
    expect(answer.body.errors[0].detail).toMatch(detail);
  },
);

test.each([
  ['{', /^The filter is not valid JSON/, '?filter'],
  ['{}', /an empty filter is an error, and does not select all users/, '?filter'],
  ['{"and":[5]}', /must be an object/, '?filter/and/0'],
])(
  '?filter=%s is refused with the reason and a pointer into the filter',
  async (text, detail, pointer) => {
    const answer = await api().call('GET', `/v1/users?filter=${encodeURIComponent(text)}`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
    expect(answer.body.errors[0].detail).toMatch(detail);
  },
);

test('a malformed user that is sent alone is refused with a pointer to each wrong field', async () => {
  const body = { userId: 'alone', email: 'nobody', properties: { unknown: 1 } };
  const answer = await api().call('POST', '/v1/users', { body });
  expect(answer.status).toBe(400);
  expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    '/email',
    '/properties/unknown',
  ]);
  expect((await api().call('GET', '/v1/users/alone')).status).toBe(404);
  expect((await api().call('POST', '/v1/users', { body: [body] })).status).toBe(200);
});

test('a user that is sent alone is refused when the change would clear a hold', async () => {
  const post = (body: object) => api().call('POST', '/v1/users', { body });
  expect((await post({ userId: 'held', legalHold: true })).status).toBe(200);
  const answer = await post({ userId: 'held', city: 'Rome', legalHold: false });
  expect(answer).toMatchObject({ status: 403, body: { errors: [{ pointer: '/legalHold' }] } });
  expect((await api().call('GET', '/v1/users/held')).body).toMatchObject({
    legalHold: true,
    city: null,
  });
});
