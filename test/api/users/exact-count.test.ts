import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { COUNT_DEADLINE_MS, MAX_COUNTS_AT_ONCE } from '../../../api/http/limits.ts';
import { withLockedUsers } from '../../support/database/locked-users.ts';
import { useApi } from '../support.ts';

const api = useApi();

const LARGE_USERS = 400;
/**
 * PostgreSQL decompresses and searches half a megabyte of each large user for each condition. So
 * many conditions cost less to prepare than larger users. A page needs two users.
 */
const conditions = (length: number, op: 'contains' | 'notContains') =>
  Array.from({ length }, (_, index) => ({
    field: 'properties.text',
    op,
    value: `needle ${index}`,
  }));
const filter = JSON.stringify({ and: conditions(12, 'notContains') });
const SLOW = `/v1/users?limit=1&count=exact&filter=${encodeURIComponent(filter)}`;
const FAST = '/v1/users?limit=1&count=exact';
/** Nobody matches, so a page reads all users. */
const NOBODY = JSON.stringify({ or: conditions(4, 'contains') });
/** When PostgreSQL itself ends a page that waits for a lock: `lock_timeout` of the API. */
const LOCK_TIMEOUT_MS = 10_000;
const SLOW_PAGE = `/v1/users?limit=1&filter=${encodeURIComponent(NOBODY)}`;

let origin: string;

beforeAll(async () => {
  const { owner } = api().database;
  for (const key of [api().keys.one, api().keys.two]) {
    await api().call('POST', '/v1/properties', { key, body: { name: 'text', type: 'string' } });
  }
  await owner.pool.query(
    `INSERT INTO users (workspace_id, user_id, properties)
     SELECT 'one', 'user-' || n, jsonb_build_object('text', repeat('hay ', 125000))
       FROM generate_series(1, $1::int) n`,
    [LARGE_USERS],
  );
  // With statistics, PostgreSQL reads the first page in the order of the ids.
  await owner.pool.query('ANALYZE users_one');
  await api().addUsers('two', 20);
  await api().app.listen({ host: '127.0.0.1', port: 0 });
  origin = `http://127.0.0.1:${(api().app.server.address() as AddressInfo).port}`;
});

/** Connections on which PostgreSQL works on such a statement now. */
const running = async (part: string): Promise<number> => {
  const { rows } = await api().database.owner.pool.query<{ n: number }>(
    `SELECT count(DISTINCT coalesce(leader_pid, pid))::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND state = 'active' AND position($1 IN query) > 0
        AND pid <> pg_backend_pid()`,
    [part],
  );
  return rows[0]?.n ?? -1;
};

const runningCounts = () => running('SELECT count(*)');
const runningPages = () => running('SELECT users.user_id');

const ask = (path: string, key: string) => {
  const request = get(origin + path, { agent: false, headers: { authorization: `Bearer ${key}` } });
  request.on('error', () => {});
  return request;
};

const bodyOf = async (response: IncomingMessage) => {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return JSON.parse(text) as { data: unknown[]; count: number | null };
};

test('a count that takes too long is null at the deadline, and its page is answered', async () => {
  const started = Date.now();
  const { status, body } = await api().call('GET', SLOW);
  expect(status).toBe(200);
  expect(body.count).toBeNull();
  expect(body.data).toHaveLength(1);
  expect(Date.now() - started).toBeGreaterThanOrEqual(COUNT_DEADLINE_MS - 100);
  await expect.poll(runningCounts).toBe(0);
});

test('a segment whose count takes too long is saved and read, with no count', async () => {
  const body = { name: 'Slow', filter: JSON.parse(filter) as unknown };
  const saved = await api().call('POST', '/v1/segments', { body });
  expect(saved).toMatchObject({ status: 201, body: { name: 'Slow', count: null } });
  await expect.poll(runningCounts).toBe(0);
  const other = {
    key: api().keys.two,
    body: { name: 'All', filter: { field: 'userId', op: 'isKnown' } },
  };
  expect((await api().call('POST', '/v1/segments', other)).body.count).toBe(20);
});

test('a count ends in PostgreSQL soon after its reader has left', async () => {
  const request = ask(SLOW, api().keys.one);
  await expect.poll(runningCounts, { interval: 20 }).toBe(1);
  request.destroy();
  await expect.poll(runningCounts, { timeout: COUNT_DEADLINE_MS - 500 }).toBe(0);
  expect((await api().call('GET', FAST)).body.count).toBe(LARGE_USERS);
});

test('while a workspace waits for its counts, others count and list, and few counts run', async () => {
  const slow = Array.from({ length: 8 }, () => ask(SLOW, api().keys.one));
  await expect.poll(runningCounts, { interval: 20 }).toBe(1);
  let most = 0;
  for (let round = 0; round < 10; round++) {
    most = Math.max(most, await runningCounts());
    const [other, list] = await Promise.all([
      api().call('GET', FAST, { key: api().keys.two }),
      api().call('GET', '/v1/users?limit=1'),
    ]);
    expect(other.body.count).toBe(20);
    expect(list.status).toBe(200);
    await sleep(50);
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(MAX_COUNTS_AT_ONCE);
  for (const request of slow) request.destroy();
  await expect.poll(runningCounts).toBe(0);
});

test('counts for readers that leave quickly, as at each key press, do not hold up the next one', async () => {
  for (let round = 0; round < 30; round++) {
    const request = ask(SLOW, api().keys.one);
    await sleep(30);
    request.destroy();
  }
  const last = ask(FAST, api().keys.one);
  const [response] = (await once(last, 'response')) as [IncomingMessage];
  expect(await bodyOf(response)).toMatchObject({ count: LARGE_USERS });
  expect((await api().call('GET', '/v1/users?limit=1')).status).toBe(200);
});

test('a page ends in PostgreSQL soon after its reader has left', async () => {
  await withLockedUsers(api().database.owner.pool, 'one', async () => {
    const request = ask(SLOW_PAGE, api().keys.one);
    await expect.poll(runningPages, { interval: 20 }).toBe(1);
    request.destroy();
    await expect.poll(runningPages, { timeout: LOCK_TIMEOUT_MS - 1_000 }).toBe(0);
  });
});

test('pages for readers that leave quickly, as at each key press, use up no connections', async () => {
  for (let round = 0; round < 30; round++) {
    const request = ask(SLOW_PAGE, api().keys.one);
    await sleep(30);
    request.destroy();
  }
  expect((await api().call('GET', '/v1/users?limit=1')).body.data).toHaveLength(1);
  await expect.poll(runningPages, { interval: 20 }).toBe(0);
});

test('without count=exact, no user is counted', async () => {
  expect((await api().call('GET', '/v1/users?limit=1')).body).not.toHaveProperty('count');
});
