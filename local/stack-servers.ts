import { createHmac } from 'node:crypto';
import { resolve } from 'node:path';
import { Client } from 'pg';
import type { LocalEnv } from '../config.ts';
import { API_ROLE, WORKER_ROLE } from '../db/roles.ts';
import { prepareConsole } from './console/prepare-console.ts';
import { startOutbox, type Outbox } from './outbox/outbox.ts';
import { startPostgres, type Postgres } from './postgres/postgres.ts';
import { prepareSchema } from './prepare-schema.ts';
import { compilePrograms } from './processes/programs.ts';
import type { ProcessRecord } from './processes/process-record.ts';
import type { Secrets } from './secrets.ts';
import type { StackPorts } from './stack-ports.ts';
import { startTemporal, type Temporal } from './temporal/temporal.ts';
import { prepareWorkflowBundle } from './temporal/workflow-bundle.ts';

/** The context that the parts of one start share. */
export interface StartContext {
  env: LocalEnv;
  /** The environment that the processes inherit. */
  inherited: NodeJS.ProcessEnv;
  dataDir: string;
  /** Folders for a fetched Temporal CLI. It is stored in the first writable one. */
  cliFolders: readonly string[];
  headless: boolean;
  withConsole: boolean;
  isThrowaway: boolean;
  /** The main files of the two processes, relative to the project's folder. */
  mainFiles: Record<'api' | 'worker', string>;
  ports: StackPorts;
  secrets: Secrets;
  record: ProcessRecord;
  log: (line: string) => void;
  onRestart: () => void;
  signal: AbortSignal;
}

/** A database with its schema. `server` is set only if this start runs it. */
interface PreparedDatabase {
  ownerUrl: string;
  apiUrl: string;
  workerUrl: string;
  server: Postgres | undefined;
}

/** The servers that the processes need. A part given by the environment has no server here. */
export interface Servers {
  database: PreparedDatabase;
  temporal: Temporal | undefined;
  outbox: Outbox | undefined;
  workflowBundle: string;
  /** The folder with the build of the console, if it is served. */
  consoleDir: string | undefined;
}

/** Called with each server as soon as it must be stopped at the end. */
export type OnStarted = (server: { stop: () => Promise<void> }) => void;

/**
 * Starts all servers side by side. If one fails, the other starts are aborted.
 *
 * @throws the first error, once no start is in progress
 */
export const startServers = async (
  context: StartContext,
  onStarted: OnStarted,
): Promise<Servers> => {
  const failure = new AbortController();
  const signal = AbortSignal.any([context.signal, failure.signal]);
  const shared = { ...context, signal };
  const parts = [
    prepareDatabase(shared, onStarted),
    prepareTemporal(shared, onStarted),
    prepareOutbox(shared, onStarted),
    prepareWorkflowBundle(context.dataDir, signal),
    findConsole(shared),
    compilePrograms(context.dataDir, Object.values(context.mainFiles)),
  ] as const;
  try {
    const [database, temporal, outbox, workflowBundle, consoleDir] = await Promise.all(parts);
    return { database, temporal, outbox, workflowBundle, consoleDir };
  } catch (error) {
    failure.abort();
    await Promise.allSettled(parts);
    throw error;
  }
};

const findConsole = async (context: StartContext): Promise<string | undefined> => {
  const { env, dataDir, withConsole, signal } = context;
  if (env.CONSOLE_DIR !== undefined) return resolve(env.CONSOLE_DIR);
  return withConsole ? prepareConsole(dataDir, signal) : undefined;
};

const prepareDatabase = async (
  context: StartContext,
  onStarted: OnStarted,
): Promise<PreparedDatabase> => {
  const { env, dataDir, isThrowaway, secrets, record, log, onRestart, signal } = context;
  if (env.DATABASE_URL !== undefined) {
    await prepareSchema(env.DATABASE_URL, env);
    const url = env.DATABASE_URL;
    return { ownerUrl: url, apiUrl: url, workerUrl: url, server: undefined };
  }
  const onStart = (pid: number) => record.note('postgres', pid);
  const server = await startPostgres({ dataDir, isThrowaway, onStart, onRestart, log, signal });
  onStarted(server);
  await prepareSchema(server.url, env);
  const { url } = server;
  const apiUrl = await openLogin(url, API_ROLE, secrets.APP_DATABASE_PASSWORD);
  const workerUrl = await openLogin(url, WORKER_ROLE, secrets.APP_DATABASE_PASSWORD);
  return { ownerUrl: url, apiUrl, workerUrl, server };
};

/** Lets a role log in. The password of one role does not reveal that of another. */
const openLogin = async (ownerUrl: string, role: string, secret: string): Promise<string> => {
  const password = createHmac('sha256', secret).update(role).digest('hex');
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    // Utility statements take no parameters. The password is hexadecimal, so it needs no quoting.
    await client.query(`ALTER ROLE ${role} LOGIN PASSWORD '${password}'`);
  } finally {
    await client.end();
  }
  const url = new URL(ownerUrl);
  url.username = role;
  url.password = password;
  return url.href;
};

const prepareTemporal = async (
  context: StartContext,
  onStarted: OnStarted,
): Promise<Temporal | undefined> => {
  const { env, inherited, dataDir, record, log, signal } = context;
  if (env.TEMPORAL_ADDRESS !== undefined) return undefined;
  const server = await startTemporal({
    dataDir,
    cliFolders: context.cliFolders,
    cliPath: env.TEMPORAL_CLI_PATH,
    searchPath: inherited['PATH'],
    port: env.TEMPORAL_PORT,
    uiPort: env.TEMPORAL_UI_PORT,
    headless: context.headless,
    isThrowaway: context.isThrowaway,
    env: inherited,
    onStart: (pid) => record.note('temporal', pid),
    onRestart: context.onRestart,
    log,
    signal,
  });
  onStarted(server);
  return server;
};

const prepareOutbox = async (
  { env, dataDir, secrets }: StartContext,
  onStarted: OnStarted,
): Promise<Outbox | undefined> => {
  if (env.RESEND_API_KEY !== undefined) return undefined;
  const apiKey = secrets.RESEND_API_KEY;
  const outbox = await startOutbox({ dataDir, port: env.OUTBOX_PORT, apiKey });
  onStarted(outbox);
  return outbox;
};
