import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { DatabaseError } from 'pg';
import type { Db } from './client.ts';
import { refuseDatabase } from './connections/refusal.ts';
import { endsConnection, isDenied } from './connections/sql-states.ts';

/** The SQL files of the schema, applied in the order of their names. */
export const MIGRATIONS_FOLDER = join(import.meta.dirname, 'migrations');
const ENDING = '.sql';

/** SQLSTATE: the table does not exist. */
const UNDEFINED_TABLE = '42P01';
/** Before this migration, the roles of API and worker could not read `kysely_migration`. */
const BEFORE_READABLE = '0021-user-lists or an earlier one';

const HOW = 'run "npm run migrate" as the owner of the database';

/** Names of all migrations of this version, in order, without the extension. */
export const listMigrations = async (): Promise<string[]> =>
  (await readdir(MIGRATIONS_FOLDER))
    .filter((name) => name.endsWith(ENDING))
    .map((name) => name.slice(0, -ENDING.length))
    .toSorted();

/**
 * Checks that the schema is at least as new as this version. A newer schema is accepted: during an
 * update, the previous version still runs.
 *
 * @throws DatabaseRefusal `schemaMissing`, `schemaOutdated`
 */
export const assertSchema = async (db: Db): Promise<void> => {
  const last = await findLastMigration(db);
  if (last === undefined) {
    throw refuseDatabase('schemaMissing', `The database has no schema of Keepsake: ${HOW}.`);
  }
  const needed = (await listMigrations()).at(-1) ?? '';
  if (last >= needed) return;
  throw refuseDatabase(
    'schemaOutdated',
    `The schema of the database is that of ${last}, and this version needs ${needed}: ${HOW}.`,
  );
};

/**
 * The last applied migration, as far as this role can read it. Undefined if the database has no
 * schema.
 */
const findLastMigration = async (db: Db): Promise<string | undefined> => {
  try {
    const { rows } = await sql<{
      name: string | null;
    }>`SELECT max(name) AS name FROM public.kysely_migration`.execute(db);
    return rows[0]?.name ?? undefined;
  } catch (error) {
    if (!(error instanceof DatabaseError) || endsConnection(error)) throw error;
    if (error.code === UNDEFINED_TABLE) return undefined;
    if (isDenied(error)) return BEFORE_READABLE;
    throw error;
  }
};
