import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Client as TemporalClient, Connection } from '@temporalio/client';
import { Client } from 'pg';
import { readLocalEnv } from '../config.ts';
import { createApiKey } from '../db/api-keys.ts';
import { openDatabase } from '../db/client.ts';
import { createWorkspace } from '../db/workspaces.ts';
import { createApiClient, type ApiClient } from '../local/api-client.ts';
import { startStack, type LocalInfo } from '../local/stack.ts';
import { openTemporaryFolder } from '../local/processes/temporary-folder.ts';
import type { BenchOptions } from './options.ts';
import { loadPeople, makePeople, PEOPLES_PROPERTIES, type Population } from './people.ts';

export const WORKSPACE = 'bench';

/** The context of every row. */
export interface Bench extends Pick<BenchOptions, 'rows' | 'users' | 'rounds'> {
  info: () => LocalInfo;
  /** A connection as the database's owner. It prepares data and is never measured. */
  owner: Client;
  /** The API with the key of the workspace's admin. */
  api: ApiClient;
  key: string;
  keyId: string;
  temporal: TemporalClient;
  /** A folder for files of the peers, on the same file system as Keepsake's files. */
  folder: string;
  log: (line: string) => void;
  /** Resets the workspace's users to the same state, after any deletion. */
  load: (population: Population) => Promise<void>;
}

/** Runs `measure` with its own stack on free ports. The stack's folder is removed afterwards. */
export const withBench = async (
  options: BenchOptions,
  log: Bench['log'],
  signal: AbortSignal,
  measure: (bench: Bench) => Promise<void>,
): Promise<void> => {
  const { path: dataDir, remove } = await openTemporaryFolder('keepsake-bench-');
  const ports = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', OUTBOX_PORT: '0' };
  try {
    log('starting PostgreSQL, Temporal, worker and API');
    const stack = await startStack({
      env: readLocalEnv({ ...ports, KEEPSAKE_DATA_DIR: dataDir }),
      inherited: { PATH: process.env['PATH'], HOME: process.env['HOME'], LOG_LEVEL: 'warn' },
      log,
      headless: true,
      cliFallbackFolder: resolve('node_modules/.cache/keepsake'),
      signal,
    });
    try {
      const folder = join(dataDir, 'peers');
      mkdirSync(folder);
      const { bench, close } = await openBench(options, stack.info, folder, log);
      try {
        await Promise.race([measure(bench), whenAborted(signal)]);
      } finally {
        await close();
      }
    } finally {
      await stack.stop();
    }
  } finally {
    await remove();
  }
};

const openBench = async (
  options: BenchOptions,
  info: () => LocalInfo,
  folder: string,
  log: Bench['log'],
): Promise<{ bench: Bench; close: () => Promise<void> }> => {
  const owner = new Client({ connectionString: info().databaseUrl });
  await owner.connect();
  const connection = await Connection.connect({ address: info().temporal });
  const { id, key } = await openWorkspace(info().databaseUrl);
  const api = createApiClient(info().api, key);
  for (const [name, type] of Object.entries(PEOPLES_PROPERTIES)) {
    await api.succeed('POST', '/v1/properties', { name, type });
  }
  const bench: Bench = {
    ...options,
    info,
    owner,
    api,
    key,
    keyId: id,
    temporal: new TemporalClient({ connection }),
    folder,
    log,
    load: createLoader(owner, log),
  };
  return { bench, close: () => Promise.all([owner.end(), connection.close()]).then(() => {}) };
};

const openWorkspace = async (databaseUrl: string): Promise<{ id: string; key: string }> => {
  const { db, close } = openDatabase(databaseUrl, { maxConnections: 1 });
  try {
    await createWorkspace(db, { id: WORKSPACE, name: 'Bench' });
    return await createApiKey(db, {
      role: 'admin',
      workspaceId: WORKSPACE,
      ownerName: 'Ada Admin',
      ownerEmail: 'ada.admin@example.com',
    });
  } finally {
    await close();
  }
};

/** Generates people again only if another population is wanted than before. */
const createLoader = (owner: Client, log: Bench['log']) => {
  let made: Population | undefined;
  return async (wanted: Population): Promise<void> => {
    if (made?.total !== wanted.total || made.going !== wanted.going) {
      log(`making up ${wanted.total.toLocaleString('en')} users`);
      await makePeople(owner, wanted);
      made = wanted;
    }
    await loadPeople(owner, WORKSPACE);
  };
};

/** Never resolves. @throws the signal's reason once it is aborted */
const whenAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.throwIfAborted();
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
