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
