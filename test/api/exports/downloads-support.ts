import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { App } from '../../../api/http/app.ts';
import { buildApp } from '../../../api/build-app.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import type { Storage } from '../../../storage/storage.ts';
import { useDatabase, type TestDatabase } from '../../support/database/database.ts';
import { makeExport, makeJob, type ExportToMake } from '../../support/steps/export-rows.ts';
import { type Document, expectDocumented } from '../service/documented.ts';
import { createFakeSender } from '../fake-sender.ts';
import { createFakeStarter } from '../support.ts';

export const LINK_SECRET = 'a secret that is long enough for links';

export interface FileApi {
  app: App;
  database: TestDatabase;
  storage: Storage;
  storageDir: string;
  log: string[];
  keys: Record<'demo' | 'other' | 'ops', { id: string; key: string }>;
  /** Adds a verified export of workspace `demo`; `wanted` changes its fields. */
  addExport: (
    wanted?: Partial<ExportToMake>,
  ) => Promise<{ id: string; jobId: string; content: Buffer; sha256: string }>;
  call: (
    method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    headers?: Record<string, string>,
    body?: object,
  ) => Promise<{
    status: number;
    headers: Record<string, unknown>;
    bytes: Buffer;
    json: () => Record<string, unknown>;
  }>;
  downloads: () => Promise<{ reason: string | null; key: string | null; counts: unknown }[]>;
}

/**
 * The API over exports with files. Requests come from the admin of `demo` unless a header changes
 * that.
 */
export const useFileApi = (): (() => FileApi) => {
  const database = useDatabase();
  let current: FileApi | undefined;

  beforeAll(async () => {
    const { owner, app: asApp } = database();
    await createWorkspace(owner.db, { id: 'demo', name: 'Demo <b>&' });
    await createWorkspace(owner.db, { id: 'other', name: 'Other' });
    const make = (role: 'admin' | 'ops', workspaceId: string | null) =>
      createApiKey(owner.db, { role, workspaceId, ownerName: 'x', ownerEmail: 'x@keys.example' });
    const keys = {
      demo: await make('admin', 'demo'),
      other: await make('admin', 'other'),
      ops: await make('ops', null),
    };
    const storageDir = await mkdtemp(join(tmpdir(), 'keepsake-files-'));
    const storage = createDirectoryStorage(storageDir);
    const log: string[] = [];
    const app = await buildApp({
      database: asApp,
      storage,
      jobs: createFakeStarter(),
      requests: createFakeSender(database()),
      config: {
        publicUrl: 'http://keepsake.example',
        taskQueue: 'keepsake',
        temporalUiUrl: undefined,
        linkSecret: LINK_SECRET,
        rateLimitPerMinute: 100_000,
        trustedProxies: [],
        webhookAllowPrivate: false,
      },
      logLevel: 'info',
      logStream: { write: (line) => void log.push(line) },
    });
    current = {
      app,
      database: database(),
      storage,
      storageDir,
      log,
      keys,
      addExport: async (wanted = {}) => {
        const workspaceId = wanted.workspaceId ?? 'demo';
        const type = wanted.purpose === 'backup' ? 'deletion' : 'export';
        const keyId = keys.demo.id;
        const jobId = wanted.jobId ?? (await makeJob(owner.db, { workspaceId, keyId, type }));
        const made = await makeExport({ db: owner.db, storage }, { ...wanted, jobId, workspaceId });
        return { ...made, jobId };
      },
      call: async (method, url, headers = {}, body) => {
        const authorization = `Bearer ${keys.demo.key}`;
        const answer = await app.inject({
          method,
          url,
          headers: { authorization, ...headers },
          ...(body !== undefined && { payload: body }),
        });
        expectDocumented(app.swagger() as unknown as Document, { method, url }, answer);
        return {
          status: answer.statusCode,
          headers: answer.headers,
          bytes: answer.rawPayload,
          json: () => answer.json(),
        };
      },
      downloads: async () =>
        owner.db
          .selectFrom('activity')
          .select(['reason', 'actor_key_id as key', 'counts'])
          .where('kind', '=', 'download')
          .orderBy('id')
          .execute(),
    };
  });

  afterAll(async () => {
    await current?.app.close();
    if (current !== undefined) await rm(current.storageDir, { recursive: true, force: true });
  });

  return () => {
    if (current === undefined) throw new Error('the API is there from beforeAll on');
    return current;
  };
};
