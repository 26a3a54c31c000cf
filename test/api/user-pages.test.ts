import { expect, test } from 'vitest';
import { useApi } from './support.ts';

const api = useApi();

test.each(['.186213', '.1862', '.5', ''])(
  'a page goes on after a user who was created at 10:00:00%s',
  async (fraction) => {
    const users = ['one', 'two'].map((name) => ({ userId: `at${fraction}-${name}` }));
    await api().call('POST', '/v1/users', { body: users });
    await api().database.owner.pool.query(
      "UPDATE users SET created_at = $1 WHERE user_id LIKE $2 || '%'",
      [`2026-01-02T10:00:00${fraction}Z`, `at${fraction}-`],
    );
    const list = `/v1/users?sort=createdAt&limit=1&q=at${fraction}-`;
    const { nextCursor } = (await api().call('GET', list)).body;
    expect((await api().call('GET', `${list}&cursor=${nextCursor}`)).body.data).toHaveLength(1);
  },
);
