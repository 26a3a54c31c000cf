import { Client } from 'pg';
import { afterEach, expect, inject, test } from 'vitest';
import { type Database, type DatabaseOptions, type Db, openDatabase } from '../../../db/client.ts';
import { assertDurable } from '../../../db/connections/durability.ts';
import { migrateToLatest } from '../../../db/migrate.ts';
import { refusalOf } from '../../../db/connections/refusal.ts';
import { API_ROLE } from '../../../db/roles.ts';
import { toFailure } from '../../../activities/failures.ts';
import { toProblem } from '../../../api/error-handler.ts';
import { useDatabase } from '../../support/database/database.ts';
import { startFakePooler } from '../../support/database/fake-pooler.ts';
import { hasPgbouncer, startPgbouncer } from '../../support/database/pgbouncer.ts';

const database = useDatabase();
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const open = (url: string, options?: DatabaseOptions): Database => {
  const opened = openDatabase(url, options);
  closing.push(opened.close);
  return opened;
};

const kept = async <T extends { url: string; stop: () => Promise<void> }>(server: Promise<T>) => {
  closing.push((await server).stop);
  return server;
};

/** From another database, whose settings do not change. */
const asOwner = async (statement: string): Promise<void> => {
  const client = new Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  await client.query(statement);
  await client.end();
};

/** Where PostgreSQL stores defaults for new connections to this database only. */
const HOLDERS = {
  database: (name: string) => `DATABASE ${name}`,
  login: (name: string) => `ROLE "${new URL(database().url).username}" IN DATABASE ${name}`,
  role: (name: string) => `ROLE ${API_ROLE} IN DATABASE ${name}`,
};

type Holder = keyof typeof HOLDERS;

/** Sets defaults for new connections to this database, until the test ends. */
const setForAll = async (
  settings: Record<string, string>,
  holder: Holder = 'database',
): Promise<void> => {
  const target = HOLDERS[holder](new URL(database().url).pathname.slice(1));
  for (const [setting, value] of Object.entries(settings)) {
    closing.push(() => asOwner(`ALTER ${target} RESET ${setting}`));
    await asOwner(`ALTER ${target} SET ${setting} = ${value}`);
  }
};

/** Defaults that would end a connection before its settings are read. */
const ENDING = ['idle_session_timeout', 'statement_timeout'];

/** The settings of a connection that requests none but longer timeouts. */
const readPlain = async (names: readonly string[]): Promise<Record<string, string>> => {
  const options = ENDING.map((name) => `-c ${name}=0`).join(' ');
  const client = new Client({ connectionString: database().url, options });
  await client.connect();
  const { rows } = await client.query(
    'SELECT jsonb_object_agg(name, current_setting(name)) AS found FROM unnest($1::text[]) AS name',
    [names],
  );
  await client.end();
  return rows[0].found;
};

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const POOLER = /^A connection pooler such as PgBouncer .* host and port of PostgreSQL itself\.$/;

/** The errors of a lane and of a tool of the owner at an address, and their translation. */
const tryAt = (url: string) =>
  Promise.all(
    [{ role: API_ROLE, isForCopies: true } as const, {}].map(async (options) => {
      const { pool } = open(url, options);
      const error = await errorOf(pool.query('SELECT 1'));
      const refusal = refusalOf(error);
      return {
        refusal: { code: refusal?.code, message: refusal?.message },
        failure: toFailure(error),
        problem: toProblem(error as Error),
        connections: pool.totalCount,
      };
    }),
  );

const POOLER_REFUSED = {
  refusal: { code: 'connectionUnfit', message: expect.stringMatching(POOLER) as string },
  failure: { type: 'connectionUnfit', nonRetryable: false },
  problem: { slug: 'database-unfit', statusCode: 503 },
  connections: 0,
};

test('a pooler is recognized by the process id that it invents, even if it drops no options', async () => {
  const pooler = await kept(startFakePooler(database().url, { makesKeys: true }));
  expect(await tryAt(pooler.url)).toMatchObject([POOLER_REFUSED, POOLER_REFUSED]);
  await expect(migrateToLatest(pooler.url)).rejects.toThrow(POOLER);
});

test
  .skipIf(!hasPgbouncer)
  .each([
    { mode: 'session' },
    { mode: 'transaction' },
    { mode: 'session', ignores: 'options' },
    { mode: 'transaction', ignores: 'options' },
  ] as const)('PgBouncer is refused as a pooler: %o', async (settings) => {
  const pooler = await kept(startPgbouncer(database().url, settings));
  expect(await tryAt(pooler.url)).toMatchObject([POOLER_REFUSED, POOLER_REFUSED]);
});

test('if a proxy drops the options, no statement runs as the owner or without the options', async () => {
  const proxy = await kept(startFakePooler(database().url, { dropsOptions: true }));
  const asApp = await errorOf(open(proxy.url, { role: API_ROLE }).pool.query('SELECT 1'));
  expect(asApp).toMatchObject({ name: 'DatabaseRefusal', code: 'connectionUnfit' });
  expect(String(asApp)).toContain(`although Keepsake requested ${API_ROLE}`);
  const asLogin = await errorOf(open(proxy.url).pool.query('SELECT 1'));
  expect(String(asLogin)).toMatch(/A new connection has \w+ = .* although Keepsake requested/);
});

test('options in DATABASE_URL that replace those of Keepsake are refused', async () => {
  const url = new URL(database().url);
  url.searchParams.set('options', '-c work_mem=8MB');
  const error = await errorOf(open(url.href, { role: API_ROLE }).pool.query('SELECT 1'));
  expect(refusalOf(error)?.message).toContain('without a pooler and without options');
});

/** Settings of a role or database, and the value that a connection must have nevertheless. */
const SETTINGS: Record<string, [set: string, wanted: string]> = {
  TimeZone: ["'Asia/Tokyo'", 'UTC'],
  DateStyle: ["'SQL, DMY'", 'ISO, MDY'],
  IntervalStyle: ['iso_8601', 'postgres'],
  array_nulls: ['off', 'on'],
  bytea_output: ['escape', 'hex'],
  extra_float_digits: ['-5', '1'],
  lc_monetary: ["'POSIX'", 'C'],
  standard_conforming_strings: ['off', 'on'],
  xmlbinary: ['hex', 'base64'],
  xmloption: ['document', 'content'],
  default_transaction_deferrable: ['on', 'off'],
  default_transaction_isolation: ["'serializable'", 'read committed'],
  row_security: ['on', 'off'],
  search_path: ['pg_catalog', 'public, pg_temp'],
  exit_on_error: ['on', 'off'],
  idle_in_transaction_session_timeout: ['1', '0'],
  idle_session_timeout: ['1', '0'],
  lock_timeout: ['1', '0'],
  statement_timeout: ['1', '0'],
};

test.each([
  ['the database', 'database'],
  ['the login', 'login'],
  ['the role', 'role'],
] as const)('settings of %s do not change the settings of a connection', async (_what, holder) => {
  const version = await database().owner.pool.query('SHOW server_version_num');
  const isSince17 = Number(version.rows[0].server_version_num) >= 170_000;
  const settings: typeof SETTINGS = {
    ...SETTINGS,
    ...(isSince17 && { transaction_timeout: ["'5s'", '0'] }),
  };
  const names = Object.keys(settings);
  await setForAll(Object.fromEntries(names.map((name) => [name, settings[name]![0]])), holder);
  const wanted = Object.fromEntries(names.map((name) => [name, settings[name]![1]]));
  // PostgreSQL applies the defaults of a role only when that role logs in.
  const plain = await readPlain(names);
  const isInForce = names.every((name) => ENDING.includes(name) || plain[name] !== wanted[name]);
  expect(isInForce).toBe(holder !== 'role');
  for (const options of [{ role: API_ROLE, isForCopies: true } as const, {}]) {
    const { pool } = open(database().url, { ...options, maxConnections: 1 });
    const { rows } = await pool.query(
      `SELECT current_user::text AS role, jsonb_object_agg(name, current_setting(name)) AS found
         FROM unnest($1::text[]) AS name`,
      [names],
    );
    expect(rows).toEqual([
      { role: options.role ?? new URL(database().url).username, found: wanted },
    ]);
  }
});

test.each(['database', 'login'] as const)(
  'a %s that sets session_replication_role to replica is refused, and the error names the setting',
  async (holder) => {
    await setForAll({ session_replication_role: 'replica' }, holder);
    const error = await errorOf(open(database().url, { role: API_ROLE }).pool.query('SELECT 1'));
    expect(String(error)).toContain('sets session_replication_role to replica');
    expect(toFailure(error)).toMatchObject({ type: 'connectionUnfit' });
  },
);

test('synchronous_commit off is detected on new and on open connections, and ends the job', async () => {
  const { db, pool } = open(database().url, { maxConnections: 1 });
  await expect(assertDurable(db)).resolves.toBeUndefined();
  await pool.query('SET synchronous_commit = off');
  const old = await errorOf(assertDurable(db));
  await setForAll({ synchronous_commit: 'off' });
  const fresh = await errorOf(open(database().url, { role: API_ROLE }).pool.query('SELECT 1'));
  for (const error of [old, fresh]) {
    expect(String(error)).toContain('PostgreSQL runs with synchronous_commit off');
    expect(toFailure(error)).toMatchObject({ type: 'databaseNotDurable', nonRetryable: true });
  }
});

test('a pool writes again as soon as the server is no longer read-only', async () => {
  await setForAll({ default_transaction_read_only: 'on' });
  const { db, pool } = open(database().url, { maxConnections: 1 });
  const beat = (trx: Db = db) =>
    trx.updateTable('worker_heartbeats').set('worker_id', 'x').execute();
  await expect(beat()).rejects.toMatchObject({ code: '25006' });
  await expect(db.transaction().execute(beat)).rejects.toMatchObject({ code: '25006' });
  const client = await pool.connect();
  await expect(client.query('CREATE TABLE never (n int)')).rejects.toMatchObject({ code: '25006' });
  client.release();
  expect(pool.totalCount).toBe(0);

  // A session that began before stays read-only until it ends.
  await pool.query('SELECT 1');
  for (const close of closing.splice(0, 1)) await close();
  await expect(beat()).rejects.toMatchObject({ code: '25006' });
  await expect(beat()).resolves.toBeDefined();
});
