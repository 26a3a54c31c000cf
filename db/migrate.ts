import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Migrator, sql, type Migration, type MigrationProvider } from 'kysely';
import { openDatabase, type Db } from './client.ts';
import { listMigrations, MIGRATIONS_FOLDER } from './schema-version.ts';
import { isContended } from './connections/sql-states.ts';

/**
 * One SQL file for each migration, applied in the order of the names. There are no down migrations.
 */
const sqlFiles: MigrationProvider = {
  getMigrations: async () => {
    const names = await listMigrations();
    const migrations = names.map(async (name): Promise<[string, Migration]> => {
      const text = await readFile(join(MIGRATIONS_FOLDER, `${name}.sql`), 'utf8');
      return [name, { up: async (db) => void (await sql.raw(text).execute(db)) }];
    });
    return Object.fromEntries(await Promise.all(migrations));
  },
};

/**
 * A statement that waits for a table lock blocks all later statements on the table. So each wait is
 * short, and the migration is tried again.
 */
const LOCK_TIMEOUT = '5s';
const MAX_TRIES = 20;
const PAUSE_MS = 2_000;

/**
 * @throws Error when the database's encoding is not UTF-8: it could not hold every character, or
 *   would count bytes as characters
 */
export const assertUtf8 = async (db: Db): Promise<void> => {
  const { rows } = await sql<{ name: string; encoding: string }>`
    SELECT current_database() AS name, current_setting('server_encoding') AS encoding`.execute(db);
  const { name, encoding } = rows[0] ?? {};
  if (encoding === 'UTF8') return;
  throw new Error(
    `The database ${name} has the encoding ${encoding}. Use a database that was created with ENCODING 'UTF8'.`,
  );
};

/**
 * Brings the schema up to date, as the database's owner. Safe to run twice or concurrently.
 *
 * @returns the names of the applied migrations, in order
 * @throws Error when a migration fails; the schema is then unchanged
 */
export const migrateToLatest = async (databaseUrl: string): Promise<string[]> => {
  const database = openDatabase(databaseUrl, {
    applicationName: 'keepsake-migrate',
    maxConnections: 2,
    timeouts: { statement_timeout: '0', lock_timeout: LOCK_TIMEOUT },
  });
  try {
    await assertUtf8(database.db);
    return await migratePatiently(database.db);
  } finally {
    await database.close();
  }
};

/**
 * Other processes read and write meanwhile. If they hold a lock for too long, the attempt fails and
 * is rolled back as a whole.
 */
const migratePatiently = async (db: Db): Promise<string[]> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await migrateOnce(db);
    } catch (error) {
      if (!isContended(error) || attempt === MAX_TRIES) {
        const { message } = error as Error;
        throw new Error(`The schema could not be updated: ${message}`, { cause: error });
      }
    }
    await sleep(PAUSE_MS);
  }
};

const migrateOnce = async (db: Db): Promise<string[]> => {
  const { error, results = [] } = await new Migrator({ db, provider: sqlFiles }).migrateToLatest();
  if (error !== undefined) throw error;
  return results.map(({ migrationName }) => migrationName);
};
