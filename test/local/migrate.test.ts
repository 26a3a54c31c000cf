import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { listMigrations } from '../../db/schema-version.ts';
import { PROJECT_FOLDER } from '../../local/processes/keepsake-process.ts';
import { useDatabase } from '../support/database/database.ts';
import { countLockWaits } from '../support/database/lock-waits.ts';

const database = useDatabase();
const NAME = 'keepsake_to_migrate';

const urlOf = (name: string): string =>
  Object.assign(new URL(database().url), { pathname: `/${name}` }).href;

/** @returns the lines that the command printed; rejects with its error output */
const migrate = async (databaseUrl: string, ...args: string[]): Promise<string[]> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', 'local/migrate.ts', ...args],
    {
      cwd: PROJECT_FOLDER,
      env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl, DELETE_ALL_PERCENT: '77' },
    },
  );
  return stdout.trimEnd().split('\n');
};

test('migrate creates the schema and prints each migration, and a second run has nothing to apply', async () => {
  const { pool } = database().owner;
  await pool.query(`CREATE DATABASE ${NAME}`);
  try {
    const names = await listMigrations();
    const last = names.at(-1);
    expect(await migrate(urlOf(NAME))).toEqual([
      ...names.map((name) => `Applied ${name}.`),
      `The schema is now at ${last}.`,
    ]);
    expect(await migrate(urlOf(NAME))).toEqual([`The schema is already at ${last}.`]);
  } finally {
    await pool.query(`DROP DATABASE ${NAME} WITH (FORCE)`);
  }
});

test('migrate stores the settings for deleting all users', async () => {
  await migrate(database().url);
  const { rows } = await database().owner.pool.query('SELECT percent FROM delete_all_settings');
  expect(rows.map(({ percent }) => Number(percent))).toEqual([77]);
});

test('migrate reports in one sentence why it fails', async () => {
  await expect(migrate(urlOf('no_such_database'))).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^DATABASE_URL: [^\n]+\n$/) as string,
  });
  await expect(migrate(database().url, '--down')).rejects.toMatchObject({ code: 2 });
});

test('migrate waits for a locked table only for a limited time at once, and tries again', async () => {
  const { pool } = database().owner;
  await pool.query(`CREATE DATABASE ${NAME}`);
  const holder = new Client({ connectionString: urlOf(NAME) });
  const observer = new Client({ connectionString: urlOf(NAME) });
  await holder.connect();
  await observer.connect();
  try {
    // The table, as a running migration creates it.
    await holder.query(
      'CREATE TABLE kysely_migration (name varchar(255) PRIMARY KEY, timestamp varchar(255) NOT NULL)',
    );
    await holder.query('BEGIN; LOCK TABLE kysely_migration');
    const migrated = migrate(urlOf(NAME));
    // While it does not wait, no other statement waits behind it.
    for (const waits of [1, 0, 1]) {
      await expect.poll(() => countLockWaits(observer)).toBe(waits);
    }
    await holder.query('COMMIT');
    expect((await migrated).at(-1)).toMatch(/^The schema is now at /);
  } finally {
    await holder.end();
    await observer.end();
    await pool.query(`DROP DATABASE ${NAME} WITH (FORCE)`);
  }
});
