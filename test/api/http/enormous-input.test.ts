import { expect, test } from 'vitest';
import { filePart, formOf, optionsPart, sendForm } from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

const api = useApi();

const manyNames = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));

const full = (levels: number): unknown =>
  levels === 1 ? 0 : { and: Array.from({ length: 50 }, () => full(levels - 1)) };

const wide = full(4);
const deep = { and: [{ and: [{ and: [{ and: [{ and: [0] }] }] }] }] };

test.each([
  ['/v1/deletion-previews', '/selection/filter'],
  ['/v1/exports', '/selection/filter'],
  ['/v1/segments', '/filter'],
])('%s refuses an enormous filter by its size', async (url, pointer) => {
  const bodyOf = (filter: unknown) =>
    url === '/v1/segments' ? { name: 'all', filter } : { selection: { type: 'filter', filter } };
  const many = await api().call('POST', url, { body: bodyOf(wide) });
  expect(many).toMatchObject({
    status: 400,
    body: { errors: [{ detail: 'must have at most 50 conditions', pointer }] },
  });
  const nested = await api().call('POST', url, { body: bodyOf(deep) });
  const at = `${pointer}/and/0/and/0/and/0/and/0/and/0`;
  expect(nested).toMatchObject({
    status: 400,
    body: { errors: [{ detail: 'must not be nested deeper than 5 levels', pointer: at }] },
  });
});

test('the filter of a list of users is refused by its size', async () => {
  const { status, body } = await api().call(
    'GET',
    `/v1/users?filter=${encodeURIComponent(JSON.stringify(full(3)))}`,
  );
  expect([status, body]).toMatchObject([
    400,
    { errors: [{ detail: 'must have at most 50 conditions', pointer: '?filter' }] },
  ]);
});

test.each([
  ['a user to merge', 'POST', '/v1/users', { userId: 'a', ...manyNames(5_000) }],
  [
    'properties of a user to merge',
    'POST',
    '/v1/users',
    { userId: 'a', properties: manyNames(5_000) },
  ],
  ['a change of a user', 'PATCH', '/v1/users/a', manyNames(5_000)],
  ['a segment', 'POST', '/v1/segments', { name: 'n', ...manyNames(5_000), filter: wide }],
] as const)(
  'the errors of %s are counted, and the first 100 are listed',
  async (what, method, url, body) => {
    const count = what === 'a segment' ? 5_001 : 5_000;
    const answer = await api().call(method, url, { body });
    expect(answer).toMatchObject({
      status: 400,
      body: { detail: `The request has ${count} errors; see the first 100 in errors.` },
    });
    expect((answer.body as { errors: unknown[] }).errors).toHaveLength(100);
  },
);

test('the values of a filter that do not fit are counted, and the first 100 are listed', async () => {
  const value = Array.from({ length: 1_000 }, () => 1);
  const filter = { field: 'firstName', op: 'in', value };
  for (const [url, body] of [
    ['/v1/segments', { name: 'n', filter }],
    ['/v1/deletion-previews', { selection: { type: 'filter', filter } }],
  ] as const) {
    const answer = await api().call('POST', url, { body });
    expect(answer).toMatchObject({
      status: 400,
      body: { detail: 'The request has 1000 errors; see the first 100 in errors.' },
    });
    expect((answer.body as { errors: unknown[] }).errors).toHaveLength(100);
  }
});

test('the errors of the options of an import are counted, too', async () => {
  const form = formOf([optionsPart({ mode: 'update', ...manyNames(3_000) }), filePart()]);
  const answer = await sendForm(api(), form);
  expect(answer).toMatchObject({
    status: 400,
    body: { detail: 'The request has 3000 errors; see the first 100 in errors.' },
  });
});

test('a mapping with very many wrong columns lists at most as many as a header', async () => {
  const names = Object.keys(manyNames(400));
  const columns = Object.fromEntries(names.map((name) => [name, 'properties.same']));
  const answer = await api().call('PUT', '/v1/import-mappings/wide', { body: { columns } });
  expect(answer.status).toBe(422);
  expect((answer.body as { errors: unknown[] }).errors).toHaveLength(351);
});

test('an enormous list of event types is refused by its length', async () => {
  const body = { url: 'https://example.com', eventTypes: Array.from({ length: 100_000 }, () => 0) };
  const answer = await api().call('POST', '/v1/webhooks', { body });
  expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/eventTypes' }] } });
  expect((answer.body as { errors: unknown[] }).errors).toHaveLength(1);
});
