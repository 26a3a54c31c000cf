import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';
import { APP_ROLE, openDatabase, type Database } from '../../db/client.ts';
import { TEMPLATE } from './global-setup.ts';

export interface TestDatabase {
  url: string;
  /** As the owner, who may do anything. */
  owner: Database;
  /** As API and worker. */
  app: Database;
}

const asAdmin = async (sql: string): Promise<void> => {
  const client = new Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  await client.query(sql);
  await client.end();
};

/** Connections to a migrated database, as the owner's and as the product's. */
export const openTestDatabase = (url: string): TestDatabase => ({
  url,
  owner: openDatabase(url, { applicationName: 'keepsake-test' }),
  app: openDatabase(url, {
    applicationName: 'keepsake-test-app',
    role: APP_ROLE,
    isForCopies: true,
  }),
});

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
    await current?.owner.close();
    await current?.app.close();
    await asAdmin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  });

  return () => {
    if (current === undefined) throw new Error('the database is there from beforeAll on');
    return current;
  };
};
