import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { migrateToLatest } from '../../db/migrate.ts';
import { removeDataFolder } from '../../local/postgres-place.ts';
import { type Postgres, startPostgres } from '../../local/postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's maintenance database, as its superuser. */
    postgresUrl: string;
  }
}

export const TEMPLATE = 'keepsake_test_template';
/** Written on the template and so on each clone; tests refuse a database without it. */
export const TEST_MARKER = 'keepsake test database: may be dropped';

/** Tests create, kill and drop: never anywhere but on this machine. */
const assertLoopback = (url: string): void => {
  const { hostname } = new URL(url);
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) {
    throw new Error(`tests refuse the database on ${hostname}: it is not on loopback`);
  }
};

const makeTemplate = async (postgresUrl: string): Promise<void> => {
  const client = new Client({ connectionString: postgresUrl });
  await client.connect();
  await client.query(`DROP DATABASE IF EXISTS ${TEMPLATE} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${TEMPLATE}`);
  const template = new URL(postgresUrl);
  template.pathname = `/${TEMPLATE}`;
  await migrateToLatest(template.href);
  await client.query(`COMMENT ON DATABASE ${TEMPLATE} IS '${TEST_MARKER}'`);
  await client.end();
};

/** One PostgreSQL for the whole run, or the one TEST_DATABASE_URL names (another major version, say). */
const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const given = process.env['TEST_DATABASE_URL'];
  if (given !== undefined && given !== '') {
    assertLoopback(given);
    await makeTemplate(given);
    project.provide('postgresUrl', given);
    return async () => {};
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-test-'));
  let postgres: Postgres | undefined;
  const tearDown = async (): Promise<void> => {
    await postgres?.stop();
    removeDataFolder(dataDir);
  };
  try {
    postgres = await startPostgres({ dataDir });
    await makeTemplate(postgres.url);
    project.provide('postgresUrl', postgres.url);
    return tearDown;
  } catch (error) {
    await tearDown();
    throw error;
  }
};

export default setup;
