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
import { prepareConsole } from '../../local/console/prepare-console.ts';
import { startChromium } from './browser/start-chromium.ts';
import { serveOnce, type ServedPart } from './serve-once.ts';
import { serveSharedStack } from './stack/shared-stack.ts';
import { CACHE_FOLDER, MAIN_FILES } from './stack/builds.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's maintenance database, as its superuser. */
    postgresUrl: string;
    /** Where {@link serveSharedStack} answers. */
    sharedStackUrl: string;
    /** Answers with the `ChromiumMessage` of the Chromium that the files of a run share. */
    chromiumUrl: string;
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

/** Without autovacuum: it would analyze or vacuum a table between two steps of a test. */
const SETTINGS = { autovacuum: 'off' };

const startServer = async (dataDir: string): Promise<Postgres> => {
  await openDataFolder(dataDir);
  const record = openProcessRecord(dataDir);
  return startPostgres({
    dataDir,
    settings: SETTINGS,
    onStart: (pid) => record.note('postgres', pid),
  });
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
  const shared: ServedPart[] = [];
  const tearDown = async (): Promise<void> => {
    await Promise.all(shared.map((part) => part.stop()));
    await postgres?.stop();
    await folder.remove();
  };
  try {
    mkdirSync(CACHE_FOLDER, { recursive: true });
    await Promise.all([prepareWorkflowBundle(CACHE_FOLDER), prepareConsole(CACHE_FOLDER)]);
    await compilePrograms(CACHE_FOLDER, MAIN_FILES);
    if (given === undefined) postgres = await startServer(join(folder.path, 'postgres-of-run'));
    const url = postgres?.url ?? given ?? '';
    await makeTemplate(url);
    const stack = await serveSharedStack();
    const chromium = await serveOnce(startChromium, ({ message }) => message);
    shared.push(stack, chromium);
    run.provide('postgresUrl', url);
    run.provide('sharedStackUrl', stack.url);
    run.provide('chromiumUrl', chromium.url);
    return tearDown;
  } catch (error) {
    await tearDown();
    throw error;
  }
};

export default setup;
