import { afterAll, beforeAll } from 'vitest';
import {
  type Postgres,
  type PostgresOptions,
  startPostgres,
} from '../../../local/postgres/postgres.ts';
import {
  openTemporaryFolder,
  type TemporaryFolder,
} from '../../../local/processes/temporary-folder.ts';
import { closeTestDatabase, openTestDatabase, type TestDatabase } from './database.ts';
import { migrateForTests } from './migrate-for-tests.ts';

/**
 * A migrated database on a server of this file's own, for changes that affect every database of a
 * server.
 */
export const useOwnServer = (settings: PostgresOptions['settings'] = {}): (() => TestDatabase) => {
  let folder: TemporaryFolder;
  let server: Postgres;
  let current: TestDatabase | undefined;

  beforeAll(async () => {
    folder = await openTemporaryFolder('keepsake-server-');
    server = await startPostgres({ dataDir: folder.path, settings });
    await migrateForTests(server.url);
    current = openTestDatabase(server.url);
  });

  afterAll(async () => {
    await closeTestDatabase(current);
    await server.stop();
    await folder.remove();
  });

  return () => {
    if (current === undefined) throw new Error('the database is there from beforeAll on');
    return current;
  };
};
