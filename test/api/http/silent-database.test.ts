import { afterAll, expect, test } from 'vitest';
import { type FakePooler, startFakePooler } from '../../support/database/fake-pooler.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';
import { withLockedUsers } from '../../support/database/locked-users.ts';
import { useApi } from '../support.ts';

let proxy: FakePooler;

const api = useApi(
  {},
  { maxConnections: 1, timeouts: { statement_timeout: '2s', lock_timeout: '2s' } },
  async (url) => {
    proxy = await startFakePooler(url);
    return proxy.url;
  },
);

afterAll(() => proxy.stop());

test('a request whose database falls silent is answered with 503, and its connection is replaced', async () => {
  const { call, database } = api();
  const { pool } = database.owner;
  const list = () => call('GET', '/v1/users?limit=1');
  expect((await list()).status).toBe(200);
  await withLockedUsers(pool, 'one', async () => {
    const running = list();
    await expect.poll(() => countLockWaits(pool)).toBe(1);
    proxy.silence();
    const { status, body } = await running;
    expect({ status, type: body.type }).toEqual({
      status: 503,
      type: '/problems/database-unavailable',
    });
  });
  proxy.speak();
  expect((await list()).status).toBe(200);
});
