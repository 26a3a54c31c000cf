import { setTimeout as sleep } from 'node:timers/promises';
import { sql, type SqlBool } from 'kysely';
import { Pool } from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../../db/client.ts';
import { API_ROLE } from '../../../db/roles.ts';
import { countUsersUntil } from '../../../db/users/user-count.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedWorkspace } from '../../support/steps/deletion.ts';

const database = useDatabase();
const USERS = 100;
const never = new AbortController().signal;

/** For each user, this condition takes the given time. */
const slow = (seconds: number) =>
  sql<SqlBool>`pg_sleep(${seconds}::float8) IS NOT NULL AND users.user_id <> 'nobody'`;
const all = sql<SqlBool>`true`;
const count = (where: typeof all, timeoutMs = 60_000) => ({
  workspaceId: 'one',
  where,
  timeoutMs,
});

beforeAll(async () => {
  await seedWorkspace(database(), 'one', USERS);
});

/** Counts that PostgreSQL runs now. */
const runningCounts = async (): Promise<number> => {
  const { rows } = await database().owner.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep%'
        AND pid <> pg_backend_pid()`,
  );
  return rows[0]?.n ?? -1;
};

test('users are counted exactly', async () => {
  expect(await countUsersUntil(database().api.pool, count(all), never)).toBe(USERS);
});

test('a count that is aborted is over at once, and soon afterwards in PostgreSQL too', async () => {
  const reader = new AbortController();
  const counting = countUsersUntil(database().api.pool, count(slow(60)), reader.signal);
  await expect.poll(runningCounts).toBe(1);
  reader.abort();
  expect(await counting).toBeUndefined();
  await expect.poll(runningCounts).toBe(0);
});

test('without the check of the connection, PostgreSQL would go on counting', async () => {
  const client = await database().api.pool.connect();
  const going = client.query(
    `SELECT count(*) FROM generate_series(1, 1000) n WHERE pg_sleep(0.1) IS NOT NULL`,
  );
  going.catch(() => {});
  await expect.poll(runningCounts).toBe(1);
  client.release(true);
  await sleep(500);
  expect(await runningCounts()).toBe(1);
  await database().owner.pool.query(
    `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`,
  );
});

test('PostgreSQL itself ends a count after its time, and the connection is not used again', async () => {
  const { pool } = database().api;
  expect(await countUsersUntil(pool, count(slow(0.1), 200), never)).toBeUndefined();
  expect(await countUsersUntil(pool, count(all), never)).toBe(USERS);
});

test('an abort before the count, or while a connection is awaited, takes no connection', async () => {
  const single = openDatabase(database().url, { role: API_ROLE, maxConnections: 1 });
  try {
    const gone = new AbortController();
    gone.abort();
    expect(await countUsersUntil(single.pool, count(all), gone.signal)).toBeUndefined();
    const holder = await single.pool.connect();
    expect(
      await countUsersUntil(single.pool, count(all), AbortSignal.timeout(100)),
    ).toBeUndefined();
    holder.release();
    expect(await countUsersUntil(single.pool, count(all), never)).toBe(USERS);
    expect(single.pool).toMatchObject({ totalCount: 1, waitingCount: 0 });
  } finally {
    await single.close();
  }
});

test('no statement on the same pool is hit by the end of a count, and no connection is lost', async () => {
  const few = openDatabase(database().url, { role: API_ROLE, maxConnections: 3 });
  try {
    const over = new AbortController();
    const others = async (): Promise<number> => {
      let done = 0;
      while (!over.signal.aborted) {
        await few.pool.query('SELECT pg_sleep(0.002)');
        done += 1;
      }
      return done;
    };
    const working = others();
    for (let round = 0; round < 60; round++) {
      // Some counts end before the abort, some at the same time, and some after it.
      const signal = AbortSignal.timeout(round % 12);
      const counted = await countUsersUntil(few.pool, count(slow(0.000_05)), signal);
      expect([USERS, undefined]).toContain(counted);
    }
    over.abort();
    expect(await working).toBeGreaterThan(0);
    const results = await Promise.all(
      [1, 2, 3].map(() => countUsersUntil(few.pool, count(all), never)),
    );
    expect(results).toEqual([USERS, USERS, USERS]);
    expect(few.pool.totalCount).toBeLessThanOrEqual(3);
  } finally {
    await few.close();
  }
});

test('a setting of a count does not stay on its connection', async () => {
  const single = openDatabase(database().url, { role: API_ROLE, maxConnections: 1 });
  try {
    await countUsersUntil(single.pool, count(all, 5_000), never);
    const { rows } = await single.pool.query(
      `SELECT current_setting('statement_timeout') AS timeout,
              current_setting('client_connection_check_interval') AS check`,
    );
    expect(rows).toEqual([{ timeout: '0', check: '0' }]);
  } finally {
    await single.close();
  }
});

test('an unavailable database is an error, not an unknown count', async () => {
  const pool = new Pool({ connectionString: 'postgres://nobody@127.0.0.1:9/none' });
  await expect(countUsersUntil(pool, count(all), never)).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
  await pool.end();
});
