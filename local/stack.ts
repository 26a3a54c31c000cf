import { realpathSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type LocalEnv, withoutEmpty } from '../config.ts';
import { openDataFolder, writePrivateJson } from './data-folder.ts';
import { seedDemo, type DemoKeys } from './demo/demo-seed.ts';
import { checkGivenServers } from './given-servers.ts';
import type { HeldPort } from './held-port.ts';
import { runKeepsakeProcess } from './processes/keepsake-process.ts';
import { lockDataFolder } from './processes/lock.ts';
import { apiUrlOf, processEnv, publicUrlOf } from './processes/process-env.ts';
import { hasDatabase, listDatabaseFiles, removeDatabase } from './postgres/postgres-place.ts';
import { programOf } from './processes/programs.ts';
import { openProcessRecord, stopOrphans } from './processes/process-record.ts';
import { openSecrets } from './secrets.ts';
import { openPorts } from './stack-ports.ts';
import { startServers, type Servers, type StartContext } from './stack-servers.ts';
import type { Supervised } from './processes/supervise.ts';
import { cliFolderIn, cliFoldersOf } from './temporal/temporal-cli.ts';
import { keepAbandoned } from './processes/temporary-owner.ts';
import { waitUntilReady } from './processes/wait-until-ready.ts';

const MAIN_FILES = { api: 'api/main.ts', worker: 'worker/main.ts' };
const READY_DEADLINE_MS = 60_000;
const PROBE_DEADLINE_MS = 3_000;

export interface StackOptions {
  env: LocalEnv;
  /** Replaces `env.KEEPSAKE_DATA_DIR`. */
  dataDir?: string;
  log: (line: string) => void;
  /** Runs Temporal without its Web UI. */
  headless?: boolean;
  /**
   * The data is removed after the stop, so the stop does not wait for work to be finished or saved.
   */
  isThrowaway?: boolean;
  /** Builds the console and serves it. A build given by CONSOLE_DIR is served in any case. */
  withConsole?: boolean;
  /** Adds the workspace `demo` the first time, but never to a database given by DATABASE_URL. */
  demo?: boolean;
  /**
   * The folder for a fetched Temporal CLI if the user's cache cannot be written; by default in the
   * data folder.
   */
  cliFallbackFolder?: string;
  /** The environment that the processes inherit; by default this process's own. */
  inherited?: NodeJS.ProcessEnv;
  /** The main files of the two processes. Fault tests have their own. */
  mainFiles?: Partial<StartContext['mainFiles']>;
  /** Aborts the start. */
  signal?: AbortSignal;
}

/**
 * The content of `local.json`: where the running parts are. A part given by the environment has no
 * process here.
 */
export interface LocalInfo {
  api: string;
  publicUrl: string;
  /** The address of the console, if it is served. */
  console: string | undefined;
  temporal: string;
  temporalUi: string | undefined;
  outbox: string | undefined;
  /** The address of the worker's metrics; the API's are at its own address. */
  metrics: string;
  /** The URL for the owner's login. */
  databaseUrl: string;
  /** The URL for the worker's login. */
  workerDatabaseUrl: string;
  pids: {
    supervisor: number;
    api: number | undefined;
    worker: number | undefined;
    temporal: number | undefined;
    postgres: number | undefined;
  };
}

export interface Stack {
  /** The present state: process ids change when a process is restarted. */
  info: () => LocalInfo;
  /** Set only if this start created the keys. */
  newKeys: DemoKeys | undefined;
  /** Stops everything, API and worker first. */
  stop: () => Promise<void>;
}

interface Stoppable {
  stop: () => Promise<void>;
}

/**
 * Starts the servers that the environment does not give, then worker and API. Resolves when all are
 * ready.
 */
export const startStack = async (options: StackOptions): Promise<Stack> => {
  const { env, log, demo = false, headless = false, isThrowaway = false } = options;
  const dataDir = resolve(options.dataDir ?? env.KEEPSAKE_DATA_DIR);
  options.signal?.throwIfAborted();
  const inherited = withoutEmpty(options.inherited ?? process.env);
  await checkGivenServers(env, inherited, log);
  const unlock = await claimDataFolder(dataDir, isThrowaway);
  const infoFile = join(dataDir, 'local.json');
  const record = openProcessRecord(dataDir);
  const servers: Stoppable[] = [];
  const processes: Stoppable[] = [];
  let publish: (() => void) | undefined;
  const olderFiles = listDatabaseFiles(dataDir);
  // Whether the database may be removed: this start created it, and nobody has a key for it yet.
  let isDisposable = env.DATABASE_URL === undefined && !hasDatabase(dataDir);

  const stopOnce = async (): Promise<void> => {
    publish = undefined;
    rmSync(infoFile, { force: true });
    await stopInOrder(isThrowaway ? [[...processes, ...servers]] : [processes, servers]);
    if (isDisposable) removeDatabase(dataDir, olderFiles);
    record.clear();
    unlock();
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= stopOnce());

  try {
    // Left by a killed start, and no longer true.
    rmSync(infoFile, { force: true });
    await stopOrphans(dataDir, log);
    const context: StartContext = {
      env,
      inherited,
      dataDir,
      cliFolders: cliFoldersOf(options.cliFallbackFolder ?? cliFolderIn(dataDir)),
      headless,
      withConsole: options.withConsole ?? false,
      isThrowaway,
      mainFiles: { ...MAIN_FILES, ...options.mainFiles },
      ports: await openPorts(env, headless, (held) => servers.push(held)),
      secrets: openSecrets(dataDir),
      record,
      log,
      onRestart: () => publish?.(),
      signal: options.signal ?? new AbortController().signal,
    };
    const started = await startServers(context, (server) => servers.push(server));
    context.signal.throwIfAborted();
    const running = startProcesses(context, started);
    processes.push(...Object.values(running));
    await waitForApi(context, running);

    // From here on people get keys, and can add users.
    isDisposable = false;
    const info = () => infoOf(context, started, running);
    // Never into a database given by the environment.
    const isSeeded = demo && started.database.server !== undefined;
    const newKeys = isSeeded ? await seedDemo({ ...context, info: info() }) : undefined;
    publish = () => writePrivateJson(infoFile, info());
    publish();
    return { info, newKeys, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Makes the folder if needed, and locks it. Returns the function that releases it. */
const claimDataFolder = async (dataDir: string, isThrowaway: boolean): Promise<() => void> => {
  await openDataFolder(dataDir);
  const unlock = lockDataFolder(dataDir);
  if (!isThrowaway) keepAbandoned(realpathSync(dataDir));
  return unlock;
};

/** Stops the groups one after another, even if an earlier group has failed. */
const stopInOrder = async ([first, ...later]: Stoppable[][]): Promise<void> => {
  if (first === undefined) return;
  try {
    await stopAll(first);
  } finally {
    await stopInOrder(later);
  }
};

/** Stops all parts. @throws the first error, after all have been tried */
const stopAll = async (parts: Stoppable[]): Promise<void> => {
  const results = await Promise.allSettled(parts.map((part) => part.stop()));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
};

const startProcesses = (
  context: StartContext,
  servers: Servers,
): Record<'api' | 'worker', Supervised> => {
  const { dataDir, isThrowaway, mainFiles, ports, record, log, onRestart } = context;
  const { apiUrl, workerUrl } = servers.database;
  const run = (name: string, file: string, databaseUrl: string, { fd }: HeldPort) =>
    runKeepsakeProcess({
      name,
      program: programOf(dataDir, file),
      env: processEnv(context, servers, databaseUrl),
      listenFd: fd,
      logFile: join(dataDir, 'logs', `${name}.log`),
      isThrowaway,
      onStart: (pid) => record.note(name, pid),
      onRestart,
      log,
    });
  return {
    worker: run('worker', mainFiles.worker, workerUrl, ports.metrics),
    api: run('api', mainFiles.api, apiUrl, ports.api),
  };
};

const waitForApi = (
  context: StartContext,
  processes: Record<'api' | 'worker', Supervised>,
): Promise<void> => {
  const url = `${apiUrlOf(context.env.HOST, context.ports.api.port)}/readyz`;
  return waitUntilReady({
    name: 'Keepsake',
    isReady: async () => {
      const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_DEADLINE_MS) });
      const answer = await response.text();
      // The API can be ready without a worker, so the warnings are checked too.
      const { warnings = [] } = JSON.parse(answer) as { warnings?: unknown[] };
      if (response.ok && warnings.length === 0) return true;
      throw new Error(`${url}: ${response.status} ${answer}`);
    },
    deadlineMs: READY_DEADLINE_MS,
    processes: Object.values(processes).map((process) => ({
      process,
      logFile: join(context.dataDir, 'logs', `${process.name}.log`),
    })),
    signal: context.signal,
  });
};

const infoOf = (
  context: StartContext,
  servers: Servers,
  processes: Record<'api' | 'worker', Supervised>,
): LocalInfo => ({
  api: apiUrlOf(context.env.HOST, context.ports.api.port),
  publicUrl: publicUrlOf(context),
  console: servers.consoleDir === undefined ? undefined : `${publicUrlOf(context)}/`,
  temporal: servers.temporal?.address ?? context.env.TEMPORAL_ADDRESS ?? '',
  temporalUi: context.env.TEMPORAL_UI_URL ?? servers.temporal?.uiUrl,
  outbox: servers.outbox?.url,
  metrics: `${apiUrlOf(context.env.HOST, context.ports.metrics.port)}/metrics`,
  databaseUrl: servers.database.ownerUrl,
  workerDatabaseUrl: servers.database.workerUrl,
  pids: {
    supervisor: process.pid,
    api: processes.api.pid(),
    worker: processes.worker.pid(),
    temporal: servers.temporal?.pid(),
    postgres: servers.database.server?.pid(),
  },
});
