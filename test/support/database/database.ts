import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';
import { openDatabase, type Database } from '../../../db/client.ts';
import { API_ROLE, WORKER_ROLE } from '../../../db/roles.ts';
import { TEMPLATE } from '../global-setup.ts';
import { BOTH_ROLES } from './migrate-for-tests.ts';

export interface TestDatabase {
  url: string;
  /** As the owner, with all rights. */
  owner: Database;
  /** As the API. */
  api: Database;
  /** As the worker. */
  worker: Database;
  /** As a login with both roles, for tests that are not about roles. */
  app: Database;
}

/** Connections to a migrated database, with the owner's and the product's logins. */
export const openTestDatabase = (url: string): TestDatabase => ({
  url,
  owner: openDatabase(url, { applicationName: 'keepsake-test' }),
  ...mapRoles((role) =>
    openDatabase(url, { applicationName: 'keepsake-test-app', role, isForCopies: true }),
  ),
});

/** Closes the connections of a test's database. */
export const closeTestDatabase = async (database: TestDatabase | undefined): Promise<void> => {
  for (const one of ['owner', 'app', 'api', 'worker'] as const) await database?.[one].close();
};

/** A fresh database for this file, cloned from the migrated template and dropped at the end. */
export const useDatabase = (): (() => TestDatabase) => {
  let current: TestDatabase | undefined;
  const name = `keepsake_test_${randomUUID().slice(0, 8)}`;

  beforeAll(async () => {
    await asAdmin(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
    const url = new URL(inject('postgresUrl'));
    url.pathname = `/${name}`;
    current = openTestDatabase(url.href);
  });

  afterAll(async () => {
    await closeTestDatabase(current);
    await asAdmin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  });

  return () => {
    if (current === undefined) throw new Error('the database is there from beforeAll on');
    return current;
  };
};

const mapRoles = <Value>(make: (role: string) => Value) => ({
  api: make(API_ROLE),
  worker: make(WORKER_ROLE),
  app: make(BOTH_ROLES),
});

const asAdmin = async (sql: string): Promise<void> => {
  const client = new Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  await client.query(sql);
  await client.end();
};
