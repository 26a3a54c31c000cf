import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Pool } from 'pg';
import { afterAll, beforeAll, expect } from 'vitest';
import { readLocalEnv } from '../../config.ts';
import { createApiKey } from '../../db/api-keys.ts';
import { openDatabase } from '../../db/client.ts';
import { createWorkspace } from '../../db/workspaces.ts';
import { createApiClient, type ApiClient } from '../../local/api-client.ts';
import type { OutboxMail } from '../../local/outbox-mails.ts';
import { removeDataFolder } from '../../local/postgres-place.ts';
import { startStack, type Stack } from '../../local/stack.ts';

/** A fetched Temporal CLI is kept between runs. */
export const CLI_CACHE = resolve('node_modules/.cache/keepsake');

export interface TestStack {
  stack: Stack;
  dataDir: string;
  /** As the database's owner. */
  sql: <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;
  mails: () => Promise<OutboxMail[]>;
  /** A workspace of its own, and the API as its admin. */
  workspace: (id: string) => Promise<ApiClient>;
  asRole: (role: 'platform' | 'ops') => Promise<ApiClient>;
}

/** Everything on real servers and free ports, stopped and removed at the end of the file. */
export const useStack = (
  options: { workerFile?: string; settings?: Record<string, string> } = {},
): (() => TestStack) => {
  const { settings, ...files } = options;
  let current: TestStack | undefined;
  let close: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-stack-'));
    const ports = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', OUTBOX_PORT: '0' };
    const stack = await startStack({
      env: readLocalEnv({ ...ports, KEEPSAKE_DATA_DIR: dataDir }),
      inherited: { PATH: process.env['PATH'], LOG_LEVEL: 'info', ...settings },
      log: () => {},
      headless: true,
      cliCacheDir: CLI_CACHE,
      ...files,
    });
    const pool = new Pool({ connectionString: stack.info().databaseUrl, max: 2 });
    // A fault test ends the server; the next query connects anew.
    pool.on('error', () => {});
    const owner = openDatabase(stack.info().databaseUrl, { maxConnections: 2 });
    const { api, outbox = '' } = stack.info();
    current = {
      stack,
      dataDir,
      sql: async (text, values) => (await pool.query(text, values)).rows,
      mails: async () => (await (await fetch(`${outbox}/emails`)).json()) as OutboxMail[],
      workspace: async (id) => {
        await createWorkspace(owner.db, { id, name: id });
        const ownerEmail = `admin@${id}.example.com`;
        const person = { workspaceId: id, ownerName: 'Ada', ownerEmail };
        const { key } = await createApiKey(owner.db, { role: 'admin', ...person });
        return createApiClient(api, key);
      },
      asRole: async (role) => {
        const person = { workspaceId: null, ownerName: role, ownerEmail: `${role}@example.com` };
        return createApiClient(api, (await createApiKey(owner.db, { role, ...person })).key);
      },
    };
    close = async () => {
      await pool.end();
      await owner.close();
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
