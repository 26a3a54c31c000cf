import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, inject, test, vi } from 'vitest';
import { readLocalEnv } from '../../config.ts';
import { migrateToLatest } from '../../db/migrate.ts';
import { checkGivenServers } from '../../local/given-servers.ts';
import { holdPort } from '../../local/held-port.ts';
import { startFakePooler } from '../support/database/fake-pooler.ts';

const id = randomUUID().slice(0, 8);
const database = `given_${id}`;
const ascii = `given_ascii_${id}`;
const login = `given_login_${id}`;
const password = 'a-password-of-the-test';
let admin: Client;

beforeAll(async () => {
  admin = new Client({ connectionString: inject('postgresUrl') });
  await admin.connect();
  await admin.query(`CREATE ROLE ${login} LOGIN PASSWORD '${password}'`);
  await admin.query(`CREATE DATABASE ${database} OWNER ${login}`);
  await admin.query(
    `CREATE DATABASE ${ascii} ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0`,
  );
});

afterAll(async () => {
  await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
  await admin.query(`DROP DATABASE ${ascii} WITH (FORCE)`);
  await admin.query(`DROP ROLE ${login}`);
  await admin.end();
});

afterEach(() => {
  vi.useRealTimers();
});

const urlOf = (changes: { name?: string; asLogin?: string; port?: number }): string => {
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${changes.name ?? database}`;
  if (changes.asLogin !== undefined)
    Object.assign(url, { username: login, password: changes.asLogin });
  if (changes.port !== undefined) url.port = String(changes.port);
  return url.href;
};

const warnings: string[] = [];

const check = (env: NodeJS.ProcessEnv) =>
  checkGivenServers(readLocalEnv(env), {}, (line) => void warnings.push(line));

const QUIET = {
  log_min_messages: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
};
const LOUD = {
  log_min_messages: 'warning',
  log_error_verbosity: 'default',
  log_parameter_max_length: '-1',
  log_parameter_max_length_on_error: '10',
};

const setLog = async (settings: Record<string, string>) => {
  for (const [name, value] of Object.entries(settings)) {
    await admin.query(`ALTER DATABASE ${database} SET ${name} = '${value}'`);
  }
};

test('a usable database passes the check', async () => {
  await expect(check({ DATABASE_URL: urlOf({}) })).resolves.toBeUndefined();
});

test('a log that may contain user data causes a one-line warning, until its statement was executed', async () => {
  await setLog(QUIET);
  warnings.length = 0;
  await check({ DATABASE_URL: urlOf({}) });
  expect(warnings).toEqual([]);
  await setLog(LOUD);
  await check({ DATABASE_URL: urlOf({}) });
  expect(warnings).toHaveLength(1);
  const [line = ''] = warnings.splice(0);
  expect(line).not.toContain('\n');
  for (const name of Object.keys(LOUD)) expect(line).toContain(`SET ${name} = `);
  await admin.query(line.slice(line.indexOf('ALTER DATABASE')));
  await check({ DATABASE_URL: urlOf({}) });
  expect(warnings).toEqual([]);
});

test.each(['mysql://a:b@127.0.0.1/x', 'nonsense', 'postgres://127.0.0.1:99999/x'])(
  'the error for DATABASE_URL=%s states the required form',
  (url) => {
    expect(() => readLocalEnv({ DATABASE_URL: url })).toThrow(
      'DATABASE_URL: must be of the form postgres://user:password@host:port/database',
    );
  },
);

test('the error for an address without PostgreSQL names the address, without the password', async () => {
  const { port, stop } = await holdPort('127.0.0.1', 0);
  const url = urlOf({ port, asLogin: password });
  const error = await check({ DATABASE_URL: url }).catch((reason: unknown) => reason);
  expect(String(error)).toContain(`DATABASE_URL: the server at 127.0.0.1:${port} does not respond`);
  expect(String(error)).not.toContain(password);
  await stop();
});

test('a wrong password, a wrong name and a login without CREATEROLE are refused with their reason', async () => {
  await expect(check({ DATABASE_URL: urlOf({ asLogin: 'wrong' }) })).rejects.toThrow(
    'refuses this password',
  );
  await expect(check({ DATABASE_URL: urlOf({ name: 'nowhere' }) })).rejects.toThrow(
    'has no database with this name',
  );
  await expect(check({ DATABASE_URL: urlOf({ asLogin: password }) })).rejects.toThrow('CREATEROLE');
});

test('a database with synchronous_commit off is refused', async () => {
  await admin.query(`ALTER DATABASE ${database} SET synchronous_commit = off`);
  const checked = check({ DATABASE_URL: urlOf({}) });
  await expect(checked).rejects.toThrow(
    'DATABASE_URL: PostgreSQL runs with synchronous_commit off',
  );
  await admin.query(`ALTER DATABASE ${database} RESET synchronous_commit`);
});

test('a pooler before the database is refused, and the error states the address to set instead', async () => {
  const pooler = await startFakePooler(urlOf({}), { makesKeys: true });
  await expect(check({ DATABASE_URL: pooler.url })).rejects.toThrow(
    /^DATABASE_URL: A connection pooler .* host and port of PostgreSQL itself\.$/,
  );
  await pooler.stop();
});

test('a database whose clock differs by days is refused', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 31 * 86_400_000 });
  await expect(check({ DATABASE_URL: urlOf({}) })).rejects.toThrow(
    /^DATABASE_URL: The clock here is \d+ s behind the clock of the database; .* set both by NTP/,
  );
});

test('a database that is not UTF-8 is refused, by the check and by the migration', async () => {
  const url = urlOf({ name: ascii });
  await expect(check({ DATABASE_URL: url })).rejects.toThrow('has the encoding SQL_ASCII');
  await expect(migrateToLatest(url)).rejects.toThrow('has the encoding SQL_ASCII');
});

test('the error for an address without Temporal, or an invalid address, names the address', async () => {
  const { port, stop } = await holdPort('127.0.0.1', 0);
  for (const address of [`127.0.0.1:${port}`, 'http://127.0.0.1:1/x']) {
    await expect(check({ TEMPORAL_ADDRESS: address })).rejects.toThrow(
      `TEMPORAL_ADDRESS: no Temporal responds at ${address}`,
    );
  }
  await stop();
});

test('an empty setting counts as not set', () => {
  const env = readLocalEnv({ DATABASE_URL: '', PORT: '', TEMPORAL_ADDRESS: '', PUBLIC_URL: '' });
  expect(env).toMatchObject({ PORT: 8080 });
  expect(env.DATABASE_URL ?? env.TEMPORAL_ADDRESS ?? env.PUBLIC_URL).toBeUndefined();
});
