import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { openDataFolder } from '../../local/data-folder.ts';
import { type Postgres, startPostgres } from '../../local/postgres/postgres.ts';
import { compilePrograms } from '../../local/processes/programs.ts';
import { openProcessRecord } from '../../local/processes/process-record.ts';
import {
  openTemporaryFolder,
  type TemporaryFolder,
} from '../../local/processes/temporary-folder.ts';
import { prepareWorkflowBundle } from '../../local/temporal/workflow-bundle.ts';
import { migrateForTests } from './database/migrate-for-tests.ts';
import { serveSharedStack, type SharedStack } from './stack/shared-stack.ts';
import { CACHE_FOLDER, MAIN_FILES } from './stack/builds.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's maintenance database, as its superuser. */
    postgresUrl: string;
    /** Where {@link serveSharedStack} answers. */
    sharedStackUrl: string;
  }
}

export const TEMPLATE = 'keepsake_test_template';
/** Written on the template and each of its clones. Tests refuse a database without this marker. */
export const TEST_MARKER = 'keepsake test database: may be dropped';

/** Tests create, kill and drop databases, so they run only against this machine. */
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
  await migrateForTests(template.href);
  await client.query(`COMMENT ON DATABASE ${TEMPLATE} IS '${TEST_MARKER}'`);
  await client.end();
};

/** One folder for all temporary files of this run and its processes. */
const openRunFolder = async (): Promise<TemporaryFolder> => {
  const folder = await openTemporaryFolder('keepsake-run-');
  // PostgreSQL's own user must traverse the folder to reach its data.
  chmodSync(folder.path, 0o711);
  process.env['TMPDIR'] = folder.path;
  return folder;
};

const startServer = async (dataDir: string): Promise<Postgres> => {
  await openDataFolder(dataDir);
  const record = openProcessRecord(dataDir);
  return startPostgres({ dataDir, onStart: (pid) => record.note('postgres', pid) });
};

/**
 * One PostgreSQL for the whole run, or the one of TEST_DATABASE_URL, for example of another major
 * version. Each project with servers calls this; the first call serves all.
 */
const setup = async (project: TestProject): Promise<(() => Promise<void>) | void> => {
  const run = project.vitest.getRootProject();
  if (run.getProvidedContext().postgresUrl !== undefined) return;
  const given = process.env['TEST_DATABASE_URL'] || undefined;
  if (given !== undefined) assertLoopback(given);
  const folder = await openRunFolder();
  let postgres: Postgres | undefined;
  let sharedStack: SharedStack | undefined;
  const tearDown = async (): Promise<void> => {
    await sharedStack?.stop();
    await postgres?.stop();
    await folder.remove();
  };
  try {
    mkdirSync(CACHE_FOLDER, { recursive: true });
    await prepareWorkflowBundle(CACHE_FOLDER);
    await compilePrograms(CACHE_FOLDER, MAIN_FILES);
    if (given === undefined) postgres = await startServer(join(folder.path, 'postgres-of-run'));
    const url = postgres?.url ?? given ?? '';
    await makeTemplate(url);
    sharedStack = await serveSharedStack();
    run.provide('postgresUrl', url);
    run.provide('sharedStackUrl', sharedStack.url);
    return tearDown;
  } catch (error) {
    await tearDown();
    throw error;
  }
};

export default setup;
