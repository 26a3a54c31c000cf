import { expect, test } from 'vitest';
import { ownerOfRequest } from '../../../api/request-owner.ts';
import { useApi } from '../support.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';

const api = useApi(
  {},
  {
    maxConnections: 6,
    timeouts: { statement_timeout: '30s', lock_timeout: '20s' },
    shares: { ownerOf: ownerOfRequest, each: 3, maxWaiting: 5, waitMs: 1_000 },
  },
);

test('a lock on the users of one workspace blocks no other workspace, and its own requests answer busy', async () => {
  const { call, keys, database } = api();
  const holder = await database.owner.pool.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE users_one IN ACCESS EXCLUSIVE MODE');
  const stuck = Array.from({ length: 25 }, () => call('GET', '/v1/users?limit=1'));
  const countWaits = () => countLockWaits(database.owner.pool);
  await expect.poll(countWaits).toBe(3);
  const others = await Promise.all([
    call('GET', '/v1/users?limit=1', { key: keys.two }),
    call('GET', '/v1/jobs', { key: keys.two }),
    call('GET', '/readyz', { key: null }),
  ]);
  // Only three requests wait for the lock, and the requests above do not wait behind them.
  expect(await countWaits()).toBe(3);
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200]);
  const metrics = await call('GET', '/metrics', { key: null });
  expect(metrics.text).toContain('keepsake_database_up 1');
  for (const { status, body, headers } of await Promise.all(stuck)) {
    expect({ status, type: body.type }).toEqual({ status: 503, type: '/problems/busy' });
    expect(body.detail).not.toContain('away');
    expect(headers['retry-after']).toBe('5');
  }
  await holder.query('ROLLBACK');
  holder.release();
  expect((await call('GET', '/v1/users?limit=1')).status).toBe(200);
});
