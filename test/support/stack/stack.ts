import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { createApiKey } from '../../../db/api-keys.ts';
import { openDatabase, type Database } from '../../../db/client.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { createApiClient, type ApiClient } from '../../../local/api-client.ts';
import type { OutboxMail } from '../../../local/outbox/outbox-mails.ts';
import type { Stack } from '../../../local/stack.ts';
import type { SharedStackInfo } from './shared-stack.ts';
import { type OwnStackOptions, startTestStack } from './start-test-stack.ts';

export interface TestStack {
  stack: Pick<Stack, 'info'>;
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

/** A stack for this file alone: its tests kill parts, change tables or need other settings. */
export const useOwnStack = (options: OwnStackOptions = {}): (() => TestStack) =>
  useOpened(async () => {
    const { stack, dataDir, stop } = await startTestStack(options);
    const { test, close } = await openTestStack(stack, dataDir);
    const closeAll = async () => {
      await close();
      await stop();
    };
    return { test, close: closeAll };
  });

/**
 * The stack that the files of a run share. A test touches only workspaces of its own, and leaves
 * servers, settings and tables as they are. The sweep of this stack is paused.
 */
export const useSharedStack = (): (() => TestStack) =>
  useOpened(async () => {
    const response = await fetch(inject('sharedStackUrl'));
    const { info, dataDir } = (await response.json()) as SharedStackInfo;
    return openTestStack({ info: () => info }, dataDir);
  });

/** Opens a stack before the tests of a file, and closes it after them. */
const useOpened = (
  open: () => Promise<{ test: TestStack; close: () => Promise<void> }>,
): (() => TestStack) => {
  let current: Awaited<ReturnType<typeof open>> | undefined;
  beforeAll(async () => {
    current = await open();
  });
  afterAll(() => current?.close());
  return () => {
    expect(current).toBeDefined();
    return current!.test;
  };
};

const openTestStack = async (
  stack: Pick<Stack, 'info'>,
  dataDir: string,
): Promise<{ test: TestStack; close: () => Promise<void> }> => {
  const owner = openDatabase(stack.info().databaseUrl, { maxConnections: 5 });
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
  const test: TestStack = {
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
  const close = async () => {
    await owner.close();
    await connection.close();
  };
  return { test, close };
};
