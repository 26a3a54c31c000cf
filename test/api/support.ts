import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { App } from '../../api/http/app.ts';
import type { ApiDeps } from '../../api/deps.ts';
import { buildApp } from '../../api/build-app.ts';
import type { JobWorkflows } from '../../api/jobs/job-workflows.ts';
import { createApiKey } from '../../db/api-keys.ts';
import { type Database, type DatabaseOptions, openDatabase } from '../../db/client.ts';
import { API_ROLE } from '../../db/roles.ts';
import type { Role } from '../../db/schema.ts';
import type { StartableDelivery } from '../../db/webhooks/webhook-deliveries.ts';
import { createWorkspace } from '../../db/workspaces.ts';
import { createDirectoryStorage } from '../../storage/directory.ts';
import type { Storage } from '../../storage/storage.ts';
import type { PendingStep } from '../../temporal/pending-step.ts';
import type { StartableMail } from '../../temporal/start-mail.ts';
import type { StartableJob } from '../../temporal/start-job.ts';
import { useDatabase, type TestDatabase } from '../support/database/database.ts';
import { type Document, expectDocumented } from './service/documented.ts';
import { createFakeSender, type FakeSender } from './fake-sender.ts';

/** Stands in for Temporal: records what the API calls, and can be away. */
export interface FakeStarter extends JobWorkflows {
  started: StartableJob[];
  cancelled: string[];
  deliveries: StartableDelivery[];
  pendingStep?: PendingStep;
  mails: StartableMail[];
  isAway: boolean;
}

export const createFakeStarter = (): FakeStarter => {
  const starter: FakeStarter = {
    namespace: 'default',
    started: [],
    cancelled: [],
    deliveries: [],
    mails: [],
    isAway: false,
    start: async (job) => {
      if (starter.isAway) throw new Error('Temporal is away');
      starter.started.push(job);
    },
    cancel: async ({ id }) => {
      if (starter.isAway) throw new Error('Temporal is away');
      starter.cancelled.push(id);
    },
    startDelivery: async (delivery) => {
      if (starter.isAway) throw new Error('Temporal is away');
      starter.deliveries.push(delivery);
    },
    startMail: async (mail) => {
      if (starter.isAway) throw new Error('Temporal is away');
      starter.mails.push(mail);
    },
    readLive: async () => undefined,
    readPendingStep: async () => starter.pendingStep,
    isReachable: async () => !starter.isAway,
  };
  return starter;
};

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read every kind of answer
  body: any;
  text: string;
}

export interface TestApi {
  app: App;
  starter: FakeStarter;
  sender: FakeSender;
  database: TestDatabase;
  storage: Storage;
  /** Lines that the API logged. */
  log: string[];
  /** Keys of the workspaces `one` and `two`, and two keys that see both. */
  keys: Record<'one' | 'two' | 'platform' | 'ops', string>;
  /** The ids that answers show in place of `keyIds`. */
  shownIds: Record<'one' | 'two' | 'platform' | 'ops', string>;
  keyIds: Record<'one' | 'two' | 'platform' | 'ops', string>;
  /** Sends a request, by default as the admin of `one`. */
  call: (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT' | 'HEAD',
    url: string,
    options?: {
      key?: string | null;
      body?: unknown;
      headers?: Record<string, string>;
      /** The address of the client; 127.0.0.1 by default. */
      remoteAddress?: string;
    },
  ) => Promise<Answer>;
  /** Adds users `prefix-00000` and so on to a workspace. */
  addUsers: (workspaceId: string, count: number, prefix?: string) => Promise<string[]>;
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const makeCall =
  (app: App, defaultKey: string): TestApi['call'] =>
  async (method, url, { key = defaultKey, body, headers = {}, remoteAddress } = {}) => {
    const response = await app.inject({
      method,
      url,
      ...(remoteAddress !== undefined && { remoteAddress }),
      headers: {
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && {
        payload: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    });
    expectDocumented(app.swagger() as unknown as Document, { method, url }, response);
    return {
      status: response.statusCode,
      headers: response.headers,
      body: parse(response.body),
      text: response.body,
    };
  };

const makeKeys = async ({ owner }: TestDatabase) => {
  const make = (role: Role, workspaceId: string | null, name: string) =>
    createApiKey(owner.db, {
      role,
      workspaceId,
      ownerName: name,
      ownerEmail: `${name}@keys.example`,
    });
  return {
    one: await make('admin', 'one', 'ada'),
    two: await make('admin', 'two', 'bob'),
    platform: await make('platform', null, 'pia'),
    ops: await make('ops', null, 'ole'),
  };
};

/**
 * The whole API over its own database with two workspaces, from `beforeAll` on. With `limits`, it
 * connects to the address that `reach` returns for the database.
 */
export const useApi = (
  config: Partial<ApiDeps['config']> = {},
  limits?: DatabaseOptions,
  reach: (url: string) => Promise<string> = async (url) => url,
): (() => TestApi) => {
  const database = useDatabase();
  let current: TestApi | undefined;
  let limited: Database | undefined;

  beforeAll(async () => {
    const { owner } = database();
    await createWorkspace(owner.db, { id: 'one', name: 'Workspace one' });
    await createWorkspace(owner.db, { id: 'two', name: 'Workspace two' });
    const made = await makeKeys(database());
    const starter = createFakeStarter();
    const sender = createFakeSender(database());
    const log: string[] = [];
    const storage = createDirectoryStorage(join(tmpdir(), `keepsake-test-${randomUUID()}`));
    limited =
      limits &&
      openDatabase(await reach(database().url), { role: API_ROLE, isForCopies: true, ...limits });
    const app = await buildApp({
      database: limited ?? database().api,
      health: database().api,
      storage,
      jobs: starter,
      requests: sender,
      config: {
        publicUrl: 'http://keepsake.example',
        taskQueue: 'keepsake',
        temporalUiUrl: 'http://temporal.example',
        linkSecret: 'a secret that is long enough for links',
        rateLimitPerMinute: 1_000_000,
        trustedProxies: [],
        webhookAllowPrivate: false,
        ...config,
      },
      logLevel: 'info',
      logStream: { write: (line) => void log.push(line) },
    });
    current = {
      app,
      starter,
      sender,
      database: database(),
      storage,
      log,
      keys: {
        one: made.one.key,
        two: made.two.key,
        platform: made.platform.key,
        ops: made.ops.key,
      },
      shownIds: {
        one: made.one.shownId,
        two: made.two.shownId,
        platform: made.platform.shownId,
        ops: made.ops.shownId,
      },
      keyIds: { one: made.one.id, two: made.two.id, platform: made.platform.id, ops: made.ops.id },
      call: makeCall(app, made.one.key),
      addUsers: async (workspaceId, count, prefix = 'user') => {
        const ids = Array.from(
          { length: count },
          (_, index) => `${prefix}-${String(index).padStart(5, '0')}`,
        );
        await database().owner.pool.query(
          'INSERT INTO users (workspace_id, user_id) SELECT $1, unnest($2::text[])',
          [workspaceId, ids],
        );
        return ids;
      },
    };
  });

  afterAll(async () => {
    await current?.app.close();
    await limited?.close();
  });

  return () => {
    if (current === undefined) throw new Error('the API is there from beforeAll on');
    return current;
  };
};
