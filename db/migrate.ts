import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Migrator, sql, type Migration, type MigrationProvider } from 'kysely';
import { openDatabase, type Db } from './client.ts';
import { listMigrations, MIGRATIONS_FOLDER } from './schema-version.ts';

/** One SQL file a migration, applied in the order of their names; there is no way down. */
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

/** @throws Error when the database cannot hold every character, or would count bytes as characters */
export const assertUtf8 = async (db: Db): Promise<void> => {
  const { rows } = await sql<{ name: string; encoding: string }>`
    SELECT current_database() AS name, current_setting('server_encoding') AS encoding`.execute(db);
  const { name, encoding } = rows[0] ?? {};
  if (encoding === 'UTF8') return;
  throw new Error(
    `The database ${name} has the encoding ${encoding}. Use one that was created with ENCODING 'UTF8'.`,
  );
};

/**
 * Brings the schema up to date, as the database's owner. Safe to run twice and side by side.
 *
 * @returns the names of the migrations that were applied, in their order
 * @throws Error when a migration fails; the schema is then as before
 */
export const migrateToLatest = async (databaseUrl: string): Promise<string[]> => {
  const database = openDatabase(databaseUrl, {
    applicationName: 'keepsake-migrate',
    maxConnections: 2,
  });
  try {
    await assertUtf8(database.db);
    const { error, results = [] } = await new Migrator({
      db: database.db,
      provider: sqlFiles,
    }).migrateToLatest();
    if (error !== undefined) {
      const { message } = error as Error;
      throw new Error(`The schema could not be brought up to date: ${message}`, { cause: error });
    }
    return results.map(({ migrationName }) => migrationName);
  } finally {
    await database.close();
  }
};
