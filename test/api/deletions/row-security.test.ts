import { expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

const CHURNED = { type: 'filter', filter: { field: 'country', op: 'is', value: 'IN' } };

test('while row-level security hides users, requests are refused with that reason and never answered as empty', async () => {
  const { call, addUsers, database } = api();
  await addUsers('one', 200);
  await database.owner.pool.query('ALTER TABLE users ENABLE ROW LEVEL SECURITY');
  const ids = { type: 'ids', ids: ['user-00001'] };
  for (const answer of [
    await call('GET', '/v1/users'),
    await call('GET', '/v1/users/user-00001'),
    await call('POST', '/v1/users', { body: { userId: 'new' } }),
    await call('POST', '/v1/deletion-previews', { body: { selection: CHURNED } }),
    await call('POST', '/v1/deletions', { body: { selection: ids, reason: 'r' } }),
    await call('DELETE', '/v1/users/user-00001'),
  ]) {
    expect(answer).toMatchObject({
      status: 503,
      body: {
        type: '/problems/database-unfit',
        detail: expect.stringContaining('Row-level security would hide rows') as string,
      },
    });
  }
  await database.owner.pool.query('ALTER TABLE users DISABLE ROW LEVEL SECURITY');
  expect((await call('GET', '/v1/users')).body.data).not.toEqual([]);
});
