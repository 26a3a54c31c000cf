import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { openDataFolder, readJson, writePrivateJson } from '../data-folder.ts';
import { followLogFile, openLogFile } from '../processes/log-file.ts';
import { freePorts, isPortFree, withPortRetry } from '../ports.ts';
import { QUIET_LOG } from './postgres-log.ts';
import { DRAFT_PREFIX, preparePostgresPlace, type PostgresPlace } from './postgres-place.ts';
import {
  commandLineOf,
  identify,
  isAlive,
  type ProcessIdentity,
} from '../processes/process-identity.ts';
import { QUIT_POSTGRES, SHUT_DOWN_POSTGRES, stopProcess } from '../processes/stop-process.ts';
import { supervise, type Supervised } from '../processes/supervise.ts';
import { waitUntilReady } from '../processes/wait-until-ready.ts';

const OWNER = 'keepsake';
const DATABASE = 'keepsake';
const PASSWORD_BYTES = 24;
const INITDB_DEADLINE_MS = 120_000;
/** Long enough for a recovery after a crash with a full `max_wal_size`. */
const READY_DEADLINE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 2_000;

const MIB = 1024 * 1024;
/**
 * PostgreSQL's documentation recommends a quarter of the memory. More than this gains nothing here.
 */
const MAX_SHARED_BUFFERS_MIB = 1024;
const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || Infinity);
const SHARED_BUFFERS_MIB = Math.min(MAX_SHARED_BUFFERS_MIB, Math.floor(memoryBytes / 4 / MIB));

const SETTINGS: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: `${SHARED_BUFFERS_MIB}MB`,
  // The buffers hold the WAL of a whole batch of a deletion, so that the batch does not wait for
  // the disk. The WAL is written soon, so that users that others change do not wait long for it.
  wal_buffers: '64MB',
  wal_writer_delay: '10ms',
  // Files are mostly read from the system's cache. To pass such reads to other processes costs more
  // than the reads.
  io_method: 'sync',
  max_wal_size: '4GB',
  fsync: 'on',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  ...QUIET_LOG,
};

export interface PostgresOptions {
  dataDir: string;
  /** Override the default settings. Undefined leaves a setting to the data's own file. */
  settings?: Record<string, string | undefined>;
  /**
   * Stops without waiting, because the data will be removed. A later start may remove a new
   * database outside the data folder once this process has ended.
   */
  isThrowaway?: boolean | undefined;
  onStart?: (pid: number) => void;
  onRestart?: (pid: number) => void;
  log?: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/** A running server. It is restarted on the same port if it ends unexpectedly. */
export interface Postgres {
  /** The URL for the owner, a superuser, and the database `keepsake`. */
  url: string;
  pid: () => number | undefined;
  stop: () => Promise<void>;
}

interface Account {
  password: string;
  /** The port of the last start; 0 before the first. */
  port: number;
  supervisor?: ProcessIdentity | undefined;
}

/** Inherits nothing from the caller: variables such as PGOPTIONS would change the server. */
const environment = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Starts the embedded PostgreSQL on the data folder. The first start creates its data. */
export const startPostgres = async (options: PostgresOptions): Promise<Postgres> => {
  const { dataDir, signal } = options;
  await openDataFolder(dataDir);
  const place = preparePostgresPlace(dataDir, options);
  const accountFile = join(dataDir, 'postgres.json');
  const account = await openAccount(place, accountFile);
  if (!existsSync(dataOf(place))) await createCluster(place, account.password);
  signal?.throwIfAborted();
  return withPortRetry(async () => {
    const chosen = { ...account, port: await choosePort(account) };
    writePrivateJson(accountFile, chosen);
    return startServer(place, chosen, options);
  });
};

const openAccount = async (place: PostgresPlace, path: string): Promise<Account> => {
  const known = readJson(path) as Account | undefined;
  if (known === undefined && existsSync(dataOf(place))) {
    throw new Error(
      `${path}, which holds the password of the database in ${place.home}, no longer exists.`,
    );
  }
  const account = known ?? { password: randomBytes(PASSWORD_BYTES).toString('hex'), port: 0 };
  await stopOrphan(place, account);
  const opened = { ...account, supervisor: identify(process.pid) };
  writePrivateJson(path, opened);
  return opened;
};

const dataOf = (place: PostgresPlace): string => join(place.home, 'data');

/** Stops the server of a supervisor that was killed. @throws Error when that supervisor is alive */
const stopOrphan = async (place: PostgresPlace, account: Account): Promise<void> => {
  const pidFile = join(dataOf(place), 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const target = identify(Number(readFileSync(pidFile, 'utf8').split('\n')[0]));
  if (target === undefined || commandLineOf(target.pid)?.includes(dataOf(place)) !== true) return;
  if (account.supervisor !== undefined && isAlive(account.supervisor)) {
    throw new Error(
      `PostgreSQL already runs on ${dataOf(place)} (process ${target.pid}, started by process ` +
        `${account.supervisor.pid}). Stop that process first.`,
    );
  }
  await stopProcess('PostgreSQL', target, SHUT_DOWN_POSTGRES);
};

const createCluster = async (place: PostgresPlace, password: string): Promise<void> => {
  const passwordFile = join(place.home, 'password');
  for (const name of readdirSync(place.home).filter((name) => name.startsWith(DRAFT_PREFIX))) {
    rmSync(join(place.home, name), { recursive: true, force: true, maxRetries: 5 });
  }
  // A new name, because the initdb of a killed start may still write to an older draft.
  const draft = join(place.home, `${DRAFT_PREFIX}${randomBytes(6).toString('hex')}`);
  rmSync(passwordFile, { force: true });
  writeFileSync(passwordFile, password, { mode: 0o600, flag: 'wx' });
  if (place.user !== undefined) chownSync(passwordFile, place.user.uid, place.user.gid);
  const options = [
    `--pgdata=${draft}`,
    `--username=${OWNER}`,
    `--pwfile=${passwordFile}`,
    '--auth-host=scram-sha-256',
    '--auth-local=reject',
    '--encoding=UTF8',
    // The server's own collation: sorting does not depend on the operating system's libraries.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
  try {
    const initdb = join(place.binaries, 'bin', 'initdb');
    const limits = { timeout: INITDB_DEADLINE_MS, killSignal: 'SIGKILL' } as const;
    await promisify(execFile)(initdb, options, { ...processOptions(place), ...limits });
  } catch (error) {
    const said = ((error as { stderr?: string }).stderr ?? '').trim();
    throw new Error(`PostgreSQL's data could not be created in ${place.home}: ${said}`, {
      cause: error,
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  // Later starts look for this name, so only a complete cluster may have it.
  renameSync(draft, dataOf(place));
};

const processOptions = ({ home, user }: PostgresPlace) => ({
  cwd: home,
  env: environment,
  ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
});

/** The port of the last start if it is free, or else another free port. */
const choosePort = async ({ port }: Account): Promise<number> => {
  if (port > 0 && (await isPortFree(port))) return port;
  const [chosen = 0] = await freePorts(1);
  return chosen;
};

const startServer = async (
  place: PostgresPlace,
  account: Account,
  options: PostgresOptions,
): Promise<Postgres> => {
  const logFile = join(options.dataDir, 'logs', 'postgres.log');
  const newLog = followLogFile(logFile);
  const server = superviseServer(place, account.port, logFile, options);
  try {
    await waitUntilReady({
      name: 'PostgreSQL',
      // Another server on this port would not accept the password.
      isReady: () => makeDatabase(account),
      deadlineMs: READY_DEADLINE_MS,
      processes: [{ process: server, logFile, newLog }],
      signal: options.signal,
    });
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url: urlOf(account, DATABASE), pid: server.pid, stop: server.stop };
};

const superviseServer = (
  place: PostgresPlace,
  port: number,
  logFile: string,
  options: PostgresOptions,
): Supervised => {
  const settings = Object.entries({ ...SETTINGS, ...options.settings });
  const flags = settings.flatMap(([name, value]) =>
    value === undefined ? [] : ['-c', `${name}=${value}`],
  );
  return supervise({
    name: 'postgres',
    spawn: () => {
      const log = openLogFile(logFile);
      const child = spawn(
        join(place.binaries, 'bin', 'postgres'),
        ['-D', dataOf(place), '-p', String(port), ...flags],
        { ...processOptions(place), detached: true, stdio: ['ignore', log, log] },
      );
      closeSync(log);
      return child;
    },
    stopSteps: options.isThrowaway === true ? QUIT_POSTGRES : SHUT_DOWN_POSTGRES,
    onStart: options.onStart,
    onRestart: options.onRestart,
    log: options.log ?? (() => {}),
  });
};

/**
 * Creates the database if it is missing. Returns true when the server answers and the database
 * exists.
 */
const makeDatabase = async (account: Account): Promise<boolean> => {
  const client = new Client({
    connectionString: urlOf(account, 'postgres'),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // After a broken connection the next attempt connects again.
  client.on('error', () => {});
  try {
    await client.connect();
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
    return true;
  } finally {
    await client.end().catch(() => {});
  }
};

const urlOf = ({ password, port }: Account, database: string): string =>
  `postgres://${OWNER}:${password}@127.0.0.1:${port}/${database}?sslmode=disable`;
