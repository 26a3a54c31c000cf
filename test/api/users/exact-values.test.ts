import { beforeAll, expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

beforeAll(async () => {
  for (const [name, type] of [
    ['score', 'number'],
    ['workMail', 'email'],
    ['mobile', 'phone'],
    ['likes', 'list'],
  ]) {
    await api().call('POST', '/v1/properties', { body: { name, type } });
  }
});

const post = (body: string) => api().call('POST', '/v1/users', { body });
const get = (userId: string) => api().call('GET', `/v1/users/${userId}`);
const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const idsOf = ({ body }: { body: { data: { userId: string }[] } }) =>
  body.data.map(({ userId }) => userId);

/** Ids of the users that a filter finds. A deletion preview must count the same number. */
const found = async (filter: object | string) => {
  const text = typeof filter === 'string' ? filter : JSON.stringify(filter);
  const users = idsOf(await api().call('GET', `/v1/users?filter=${encodeURIComponent(text)}`));
  const preview = await api().call('POST', '/v1/deletion-previews', {
    body: `{"selection":{"type":"filter","filter":${text}}}`,
  });
  expect(preview.body).toMatchObject({ count: users.length });
  return users;
};

const search = async (text: string) =>
  idsOf(await api().call('GET', `/v1/users?q=${encodeURIComponent(text)}`));

const INEXACT = ['1e-400', '1e400', '0.12345678901234567', '1.0000000000000000001', '4e-324'];

test.each(INEXACT)(
  'the inexact number %s is refused in every request, with a pointer to the value',
  async (n) => {
    const one = await post(`{"userId":"n","properties":{"score":${n}}}`);
    expect(one.status).toBe(400);
    expect(one.body.errors).toEqual([
      { pointer: '/properties/score', detail: expect.stringContaining('15 significant digits') },
    ]);
    const list = await post(
      `[{"userId":"n-1","properties":{"score":${n}}},{"userId":"n-2","properties":{"score":1}}]`,
    );
    expect(list.status).toBe(200);
    expect(list.body.data).toMatchObject([
      { outcome: 'failed', error: { pointer: '/0/properties/score' } },
      { userId: 'n-2' },
    ]);
    for (const [op, value, place] of [
      ['is', n, ''],
      ['gte', n, ''],
      ['in', `[1,${n}]`, '/1'],
    ] as const) {
      const filter = `{"field":"properties.score","op":"${op}","value":${value}}`;
      const listed = await api().call('GET', `/v1/users?filter=${encodeURIComponent(filter)}`);
      expect(listed.status).toBe(400);
      expect(listed.body.errors).toEqual([
        { pointer: `?filter/value${place}`, detail: expect.stringContaining('significant') },
      ]);
      const preview = await api().call('POST', '/v1/deletion-previews', {
        body: `{"selection":{"type":"filter","filter":${filter}}}`,
      });
      expect(preview.status).toBe(400);
    }
  },
);

test.each(['1e300', '5e-324', '123456789012345', '0.00000123456789012345', '-1.50'])(
  'the number %s is stored and found as exactly the same number',
  async (n) => {
    expect((await post(`{"userId":"exact","properties":{"score":${n}}}`)).status).toBe(200);
    const { rows } = await query(
      `SELECT (properties ->> 'score')::numeric = $1::numeric AS is_same FROM users WHERE user_id = 'exact'`,
      [n],
    );
    expect(rows).toEqual([{ is_same: true }]);
    expect(await found(`{"field":"properties.score","op":"is","value":${n}}`)).toEqual(['exact']);
  },
);

test('a deletion is not confirmed by an inexact count', async () => {
  await post('{"userId":"counted"}');
  const filter = { field: 'userId', op: 'is', value: 'counted' };
  const { body } = await api().call('POST', '/v1/deletion-previews', {
    body: { selection: { type: 'filter', filter } },
  });
  const answer = await api().call('POST', '/v1/deletions', {
    body: `{"previewId":"${body.id}","confirm":{"count":1.00000000000000000001},"reason":"why"}`,
  });
  expect(answer.status).toBe(400);
  expect(answer.body.errors).toMatchObject([{ pointer: '/confirm/count' }]);
});

test('search, is, in and contains ignore the case of an email address', async () => {
  await post(
    JSON.stringify([
      { userId: 'm-1', email: 'Ada@Example.com', properties: { workMail: 'ÄDA@work.example' } },
      { userId: 'm-2', email: 'ada@example.COM', properties: { workMail: 'äda@Work.Example' } },
      { userId: 'm-3', email: 'ada@example.com.de' },
    ]),
  );
  const both = ['m-1', 'm-2'];
  for (const mail of ['ada@example.com', 'ADA@EXAMPLE.COM', 'Ada@Example.com']) {
    expect(await search(mail)).toEqual([...both, 'm-3']);
    expect(await found({ field: 'email', op: 'contains', value: mail })).toEqual([...both, 'm-3']);
    expect(await found({ field: 'email', op: 'is', value: mail })).toEqual(both);
    expect(await found({ field: 'email', op: 'in', value: ['x@y', mail] })).toEqual(both);
    const isNot = { field: 'email', op: 'isNot', value: mail };
    const known = { field: 'email', op: 'isKnown' };
    expect(await found({ and: [isNot, known] })).toEqual(['m-3']);
  }
  for (const op of ['is', 'contains']) {
    const value = 'ÄdA@WORK.example';
    expect(await found({ field: 'properties.workMail', op, value })).toEqual(both);
  }
});

test('a phone number is stored and found by its digits, in any notation', async () => {
  await post(
    JSON.stringify([
      { userId: 'p-1', phone: '+49 (30) 123-45', properties: { mobile: '0151/123 45-67' } },
      { userId: 'p-2', phone: '493012345', properties: { mobile: '01511234567' } },
    ]),
  );
  const both = ['p-1', 'p-2'];
  expect((await get('p-1')).body).toMatchObject({
    phone: '493012345',
    properties: { mobile: '01511234567' },
  });
  for (const phone of [
    '493012345',
    '+49 30 12345',
    '+49 (0)30/12345',
    '\u202A+49 30 123-45\u202C',
  ]) {
    expect(await search(phone)).toEqual(both);
    expect(await found({ field: 'phone', op: 'is', value: phone })).toEqual(both);
    expect(await found({ field: 'phone', op: 'in', value: [phone] })).toEqual(both);
    expect(await found({ field: 'phone', op: 'contains', value: phone })).toEqual(both);
  }
  const mobile = { field: 'properties.mobile', value: '(0151) 123 4567' };
  expect(await found({ ...mobile, op: 'is' })).toEqual(both);
  expect(await found({ ...mobile, op: 'contains' })).toEqual(both);
  const lost = await post('{"userId":"p-3","phone":"1.5E+10"}');
  expect(lost.body.errors[0].detail).toContain('exponent');
});

test('a list item is stored and found without the blanks around it', async () => {
  await post('{"userId":"l-1","tags":[" vip","trial\\t"],"properties":{"likes":["\\u00a0tea "]}}');
  expect((await get('l-1')).body).toMatchObject({
    tags: ['vip', 'trial'],
    properties: { likes: ['tea'] },
  });
  for (const value of ['trial', ' trial', 'trial\u00A0']) {
    expect(await found({ field: 'tags', op: 'contains', value })).toEqual(['l-1']);
  }
  expect(await found({ field: 'properties.likes', op: 'contains', value: ' tea' })).toEqual([
    'l-1',
  ]);
});

test('a value that was stored under older rules is found by its exact text', async () => {
  await query(
    `INSERT INTO users (workspace_id, user_id, email, phone, tags, properties) VALUES
      ('one', 'old-1', ' Old@x', '+49 40 1', '{" old",";"}',
       '{"score": 12345678901234567890, "mobile": "+49 (40) 77-777", "likes": [" cake", 7]}')`,
  );
  const is = (field: string, value: unknown) => found({ field, op: 'is', value });
  expect(await is('properties.mobile', '+49 (40) 77-777')).toEqual(['old-1']);
  expect(await search('+49 40 1')).toEqual(['old-1']);
  for (const [field, value] of [
    ['email', 'OLD@x'],
    ['phone', '+49 40'],
    ['tags', ' old'],
    ['tags', 'old'],
    ['properties.likes', 'cake'],
    ['properties.likes', ' cake '],
  ]) {
    expect(await found({ field, op: 'contains', value })).toEqual(['old-1']);
  }
  expect(await found({ field: 'properties.score', op: 'gt', value: 1e19 })).toContain('old-1');
});

test('an email address with an invisible character is refused, and the error names the character', async () => {
  const answer = await post('{"userId":"x","email":"ada\\u200b@example.com"}');
  expect(answer.status).toBe(400);
  expect(answer.body.errors).toEqual([
    { pointer: '/email', detail: expect.stringContaining('U+200B (zero width space)') },
  ]);
});
