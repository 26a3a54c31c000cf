import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect } from 'vitest';
import { readLocalEnv } from '../../../config.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { openDatabase, type Database } from '../../../db/client.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { createApiClient, type ApiClient } from '../../../local/api-client.ts';
import type { OutboxMail } from '../../../local/outbox/outbox-mails.ts';
import { removeDataFolder } from '../../../local/postgres/postgres-place.ts';
import { startStack, type Stack, type StackOptions } from '../../../local/stack.ts';
import { CACHE_FOLDER, shareWorkflowBundle } from './workflow-bundle.ts';

export interface TestStack {
  stack: Stack;
  dataDir: string;
  storageDir: string;
  owner: Database;
  temporal: Client;
  /** As the database's owner. */
  sql: <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;
  mails: () => Promise<OutboxMail[]>;
  /** Makes a workspace, and returns the API as its admin. */
  workspace: (id: string) => Promise<ApiClient>;
  /** A further admin's key for a workspace. */
  adminKey: (workspaceId: string) => Promise<string>;
  roleKey: (role: 'platform' | 'ops') => Promise<string>;
  asRole: (role: 'platform' | 'ops') => Promise<ApiClient>;
}

/** All parts on real servers and free ports, stopped and removed at the end of the file. */
export const useStack = (
  options: Pick<StackOptions, 'apiFile' | 'workerFile' | 'demo'> & { env?: NodeJS.ProcessEnv } = {},
): (() => TestStack) => {
  const { env, ...files } = options;
  let current: TestStack | undefined;
  let close: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-stack-'));
    await shareWorkflowBundle(dataDir);
    const ports = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', OUTBOX_PORT: '0' };
    const stack = await startStack({
      env: readLocalEnv({ ...ports, ...env, KEEPSAKE_DATA_DIR: dataDir }),
      inherited: {
        PATH: process.env['PATH'],
        TMPDIR: process.env['TMPDIR'],
        LOG_LEVEL: 'info',
        RATE_LIMIT_PER_MINUTE: '1000000',
        ...env,
      },
      log: () => {},
      headless: true,
      cliFallbackFolder: CACHE_FOLDER,
      ...files,
    });
    const owner = openDatabase(stack.info().databaseUrl, { maxConnections: 2 });
    const { api, outbox = '', temporal } = stack.info();
    const connection = await Connection.connect({ address: temporal });
    const adminKey = async (id: string) => {
      const person = { workspaceId: id, ownerName: 'Ada', ownerEmail: `admin@${id}.example.com` };
      return (await createApiKey(owner.db, { role: 'admin', ...person })).key;
    };
    const roleKey = async (role: 'platform' | 'ops') => {
      const person = { workspaceId: null, ownerName: role, ownerEmail: `${role}@example.com` };
      return (await createApiKey(owner.db, { role, ...person })).key;
    };
    current = {
      stack,
      dataDir,
      storageDir: join(dataDir, 'files'),
      owner,
      temporal: new Client({ connection }),
      sql: async (text, values) => (await owner.pool.query(text, values)).rows,
      mails: async () => (await (await fetch(`${outbox}/emails`)).json()) as OutboxMail[],
      workspace: async (id) => {
        await createWorkspace(owner.db, { id, name: id });
        return createApiClient(api, await adminKey(id));
      },
      adminKey,
      roleKey,
      asRole: async (role) => createApiClient(api, await roleKey(role)),
    };
    close = async () => {
      await owner.close();
      await connection.close();
      await stack.stop();
      removeDataFolder(dataDir);
    };
  }, 120_000);

  afterAll(() => close?.(), 60_000);

  return () => {
    expect(current).toBeDefined();
    return current!;
  };
};
