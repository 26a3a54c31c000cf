import { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { sql } from 'kysely';
import { to as copyTo } from 'pg-copy-streams';
import { afterEach, expect, test, vi } from 'vitest';
import { type Database, type DatabaseOptions, openDatabase } from '../../../../db/client.ts';
import { allowLong } from '../../../../db/connections/long-statements.ts';
import { isDatabaseAway } from '../../../../db/connections/sql-states.ts';
import { useDatabase } from '../../../support/database/database.ts';
import { type FakePooler, startFakePooler } from '../../../support/database/fake-pooler.ts';

const database = useDatabase();
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0).toReversed()) await close();
});

const open = (options: DatabaseOptions, url = database().url): Database => {
  const opened = openDatabase(url, options);
  closing.push(opened.close);
  return opened;
};

const startProxy = async (): Promise<FakePooler> => {
  const proxy = await startFakePooler(database().url);
  closing.push(proxy.stop);
  return proxy;
};

const SHORT = { timeouts: { statement_timeout: '1s', lock_timeout: '1s' } };
/** Seconds that end after the deadline of a pool whose limit is a second. */
const PAST_DEADLINE = 7;

test('the deadline ends no long transaction, no COPY, and no connection without a statement', async () => {
  const { db, pool } = open(SHORT);
  const sleep = sql`SELECT pg_sleep(${PAST_DEADLINE}), 'done' AS state`;
  const [idle, copying] = [await pool.connect(), await pool.connect()];
  await idle.query('BEGIN');
  await copying.query('BEGIN; SET LOCAL statement_timeout = 0');
  const copy = copyTo(`COPY (SELECT 'done' FROM pg_sleep(${PAST_DEADLINE})) TO STDOUT`);
  const ends = await Promise.all([
    text(copying.query(copy)),
    db.transaction().execute(async (trx) => {
      await allowLong(trx);
      return (await sleep.execute(trx)).rows;
    }),
  ]);
  expect(ends).toEqual(['done\n', [expect.objectContaining({ state: 'done' })]]);
  await expect(idle.query('COMMIT')).resolves.toBeDefined();
  await expect(copying.query('COMMIT')).resolves.toBeDefined();
  for (const client of [idle, copying]) client.release();
});

test('a silent connection is closed, although an earlier transaction had a raised limit', async () => {
  const proxy = await startProxy();
  const { db, pool } = open({ ...SHORT, maxConnections: 1 }, proxy.url);
  await db.transaction().execute(allowLong);
  proxy.silence();
  await expect(db.transaction().execute(allowLong)).rejects.toSatisfy(isDatabaseAway);
  expect(pool.totalCount).toBe(0);
  proxy.speak();
  await expect(pool.query('SELECT 1')).resolves.toBeDefined();
});

test.each([true, false])(
  'a silent connection is probed after 10 s; with large COPY streams: %s',
  async (isForCopies) => {
    const setKeepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive');
    await open({ isForCopies }).pool.query('SELECT 1');
    expect(setKeepAlive.mock.calls).toEqual([[true, 10_000]]);
  },
);
