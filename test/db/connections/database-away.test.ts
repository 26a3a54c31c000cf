import { randomUUID } from 'node:crypto';
import { Client, type ClientConfig, type DatabaseError } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isDatabaseAway, isOfARow } from '../../../db/connections/sql-states.ts';
import { useDatabase } from '../../support/database/database.ts';

const database = useDatabase();

/** A login of this file only, on a shared server. */
const login = `away_${randomUUID().slice(0, 8)}`;

const sql = (text: string) => database().owner.pool.query(text);

beforeAll(() => sql(`CREATE ROLE ${login} LOGIN PASSWORD 'right' IN ROLE keepsake_app`));

afterAll(async () => {
  const name = new URL(database().url).pathname.slice(1);
  await sql(`GRANT CONNECT ON DATABASE ${name} TO PUBLIC; DROP ROLE ${login}`);
});

/** The error of a connection and of its statements. */
const failureOf = async (changes: ClientConfig = {}, statements: string[] = []): Promise<Error> => {
  const { hostname, port, pathname } = new URL(database().url);
  const place = { host: hostname, port: Number(port), database: pathname.slice(1) };
  const client = new Client({ ...place, user: login, password: 'right', ...changes });
  client.on('error', () => {});
  try {
    await client.connect();
    for (const statement of statements) await client.query(statement);
  } catch (error) {
    return error as Error;
  } finally {
    await client.end().catch(() => {});
  }
  throw new Error('nothing failed');
};

const verdictOf = (error: Error) => ({
  code: (error as DatabaseError).code,
  isAway: isDatabaseAway(error),
  isOfARow: isOfARow(error),
});

const away = (code?: string) => ({ code, isAway: true, isOfARow: false });

test.each<[string, ClientConfig, string | undefined]>([
  // 28000 or 28P01, depending on whether the server asks for a password.
  ['a login that is unknown', { user: 'nobody_here' }, expect.stringMatching(/^28/) as string],
  ['a database that is not there', { database: 'nothing_here' }, '3D000'],
  ['a role that is not there', { options: '-c role=nobody_here' }, '22023'],
  ['a role that was taken away', { options: '-c role=keepsake_eraser' }, '42501'],
  ['a setting that is not known', { options: '-c nothing_here=1' }, '42704'],
  ['a server that is not there', { host: '127.0.0.1', port: 1 }, 'ECONNREFUSED'],
  ['a socket that is not there', { host: '/nothing/here' }, 'ENOENT'],
  ['a server without TLS', { ssl: true }, undefined],
])('if a connection is refused for %s, the database is unavailable', async (_, changes, code) => {
  expect(verdictOf(await failureOf(changes))).toEqual(away(code));
});

test('a lost grant, a closed login and one login too many mean that the database is unavailable', async () => {
  const name = new URL(database().url).pathname.slice(1);
  await sql(`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`);
  expect(verdictOf(await failureOf())).toEqual(away('42501'));
  await sql(`GRANT CONNECT ON DATABASE ${name} TO PUBLIC`);
  await sql(`ALTER ROLE ${login} CONNECTION LIMIT 0`);
  expect(verdictOf(await failureOf())).toEqual(away('53300'));
  await sql(`ALTER ROLE ${login} NOLOGIN`);
  expect(verdictOf(await failureOf())).toEqual(away('28000'));
  await sql(`ALTER ROLE ${login} LOGIN CONNECTION LIMIT -1`);
});

test.each<[string, string[], string]>([
  ['read-only', ['BEGIN READ ONLY', `UPDATE jobs SET phase = ''`], '25006'],
  ['ended by its own hand', ['SELECT pg_terminate_backend(pg_backend_pid())'], '57P01'],
])(
  'an error because a connection is %s means that the database is unavailable',
  async (_, statements, code) => {
    expect(verdictOf(await failureOf({}, statements))).toEqual(away(code));
  },
);
