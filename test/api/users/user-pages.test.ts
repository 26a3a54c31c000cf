import { expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

const FRACTIONS = ['', '.1', '.12', '.123', '.1234', '.12345', '.123456', '.000001', '.100000'];

test.each(FRACTIONS)(
  'the next page continues after a user that was created at 10:00:00%s',
  async (fraction) => {
    const users = ['one', 'two'].map((name) => ({ userId: `at${fraction}-${name}` }));
    await api().call('POST', '/v1/users', { body: users });
    await api().database.owner.pool.query(
      "UPDATE users SET created_at = $1 WHERE user_id LIKE $2 || '%'",
      [`2026-01-02T10:00:00${fraction}Z`, `at${fraction}-`],
    );
    for (const sort of ['createdAt', '-createdAt']) {
      const list = `/v1/users?sort=${sort}&limit=1&q=at${fraction}-`;
      const { nextCursor } = (await api().call('GET', list)).body;
      expect((await api().call('GET', `${list}&cursor=${nextCursor}`)).body.data).toHaveLength(1);
    }
  },
);

test('pages by creation list each user once, with any number of digits in the timestamps', async () => {
  const fractions = FRACTIONS.slice(0, -1);
  const users = fractions.map((_, n) => ({ userId: `paged-${n}` }));
  await api().call('POST', '/v1/users', { body: users });
  for (const [n, fraction] of fractions.entries()) {
    await api().database.owner.pool.query('UPDATE users SET created_at = $1 WHERE user_id = $2', [
      `2026-01-03T10:00:00${fraction}Z`,
      `paged-${n}`,
    ]);
  }
  const inOrder = [0, 7, 1, 2, 3, 4, 5, 6].map((n) => `paged-${n}`);
  for (const [sort, wanted] of [
    ['createdAt', inOrder],
    ['-createdAt', inOrder.toReversed()],
  ] as const) {
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await api().call('GET', `/v1/users?sort=${sort}&limit=1&q=paged-${cursor}`);
      seen.push(body.data[0].userId);
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(wanted);
  }
});

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

const SORTS = ['userId', '-userId', 'createdAt', '-createdAt'] as const;

/** Adds ten users in two workspaces; pairs of them have the same time. */
const addTwins = (prefix: string) =>
  api().database.owner.pool.query(
    `INSERT INTO users (workspace_id, user_id, created_at)
     SELECT w, $1 || n, '2026-02-01T10:00:00Z'::timestamptz + (n / 2) * interval '1 second'
       FROM unnest(ARRAY['one', 'two']) w, generate_series(0, 9) n`,
    [prefix],
  );

const page = async (sort: string, prefix: string, limit: number, cursor?: string | null) => {
  const at = cursor == null ? '' : `&cursor=${cursor}`;
  const url = `/v1/users?sort=${sort}&limit=${limit}&q=${prefix}${at}`;
  const { status, body } = await api().call('GET', url);
  expect(status).toBe(200);
  return {
    ids: body.data.map(({ userId }: { userId: string }) => userId) as string[],
    next: body.nextCursor as string | null,
    prev: body.prevCursor as string | null,
  };
};

test('paging back shows the same pages as paging on, in every order and for every size', async () => {
  await addTwins('twin-');
  for (const sort of SORTS) {
    for (const limit of [1, 2, 3, 4, 9, 10, 11]) {
      const on: string[][] = [];
      let now = await page(sort, 'twin-', limit);
      expect(now.prev).toBeNull();
      on.push(now.ids);
      while (now.next !== null) {
        now = await page(sort, 'twin-', limit, now.next);
        on.push(now.ids);
      }
      expect(on.flat()).toHaveLength(10);
      const back = [now.ids];
      while (now.prev !== null) {
        now = await page(sort, 'twin-', limit, now.prev);
        back.unshift(now.ids);
      }
      expect({ sort, limit, back }).toEqual({ sort, limit, back: on });
      const again = now.next === null ? undefined : await page(sort, 'twin-', limit, now.next);
      expect(again?.ids).toEqual(on[1]);
    }
  }
});

test('a user that was deleted or added meanwhile is neither repeated nor missed by paging back', async () => {
  await addTwins('moved-');
  const first = await page('userId', 'moved-', 3);
  const second = await page('userId', 'moved-', 3, first.next);
  const { pool } = api().database.owner;
  await pool.query(`DELETE FROM users WHERE user_id IN ('moved-1', 'moved-3')`);
  await pool.query(`INSERT INTO users (workspace_id, user_id) VALUES ('one', 'moved-00')`);
  const back = await page('userId', 'moved-', 3, second.prev);
  expect(back.ids).toEqual(['moved-0', 'moved-00', 'moved-2']);
  expect(back.prev).toBeNull();
  expect((await page('userId', 'moved-', 3, back.next)).ids[0]).toBe('moved-4');
});

const deleteUsers = (ids: readonly string[]) =>
  api().database.owner.pool.query('DELETE FROM users WHERE user_id = ANY ($1)', [ids]);

test('an empty page leads back to all users before it, in every order', async () => {
  for (const [n, sort] of SORTS.entries()) {
    const prefix = `emptied${n}-`;
    await addTwins(prefix);
    const first = await page(sort, prefix, 5);
    const second = await page(sort, prefix, 5, first.next);
    await deleteUsers(second.ids);
    const empty = await page(sort, prefix, 5, first.next);
    expect({ sort, empty }).toEqual({
      sort,
      empty: { ids: [], next: null, prev: expect.any(String) },
    });
    const back = await page(sort, prefix, 5, empty.prev);
    expect({ sort, back }).toMatchObject({ sort, back: { ids: first.ids, prev: null } });
  }
});

test('an empty page before others leads on to all users after it, in every order', async () => {
  for (const [n, sort] of SORTS.entries()) {
    const prefix = `headless${n}-`;
    await addTwins(prefix);
    const first = await page(sort, prefix, 5);
    const second = await page(sort, prefix, 5, first.next);
    await deleteUsers(first.ids);
    const empty = await page(sort, prefix, 5, second.prev);
    expect({ sort, empty }).toEqual({
      sort,
      empty: { ids: [], next: expect.any(String), prev: null },
    });
    const on = await page(sort, prefix, 5, empty.next);
    expect({ sort, on }).toMatchObject({ sort, on: { ids: second.ids, next: null } });
  }
});

test('the pages beside an emptied list list each new user once', async () => {
  await addTwins('refilled-');
  const first = await page('userId', 'refilled-', 5);
  const all = Array.from({ length: 10 }, (_, n) => `refilled-${n}`);
  await deleteUsers(all);
  const empty = await page('userId', 'refilled-', 5, first.next);
  expect(empty).toMatchObject({ ids: [], next: null });
  const before = await page('userId', 'refilled-', 5, empty.prev);
  expect(before).toEqual({ ids: [], next: expect.any(String), prev: null });
  await api().call('POST', '/v1/users', { body: all.map((userId) => ({ userId })) });
  const [left, right] = [
    await page('userId', 'refilled-', 5, empty.prev),
    await page('userId', 'refilled-', 5, before.next),
  ];
  expect([...left.ids, ...right.ids]).toEqual(all);
});

test('a cursor of another order, or with other parts, is refused', async () => {
  await addTwins('order-');
  const { next } = await page('userId', 'order-', 2);
  const position = JSON.parse(Buffer.from(next ?? '', 'base64url').toString());
  for (const cursor of [
    encode({ ...position, sort: '-userId' }),
    encode({ ...position, before: false }),
    encode({ ...position, inclusive: false }),
    encode({ ...position, also: 1 }),
  ]) {
    const answer = await api().call('GET', `/v1/users?sort=userId&cursor=${cursor}`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '?cursor' }] } });
  }
});
