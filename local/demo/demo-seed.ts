import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase, type Db } from '../../db/client.ts';
import { createApiKey, listApiKeys, revokeApiKey, type NewApiKey } from '../../db/api-keys.ts';
import { createWorkspace, findWorkspace } from '../../db/workspaces.ts';
import { readJson, writePrivateJson } from '../data-folder.ts';
import { demoProperties, demoSegments, demoUsers, type DemoUser } from './demo-users.ts';

const WORKSPACE = { id: 'demo', name: 'Demo' };
const USER_COUNT = 10_000;
/** The most users that one request may hold. */
const USERS_PER_REQUEST = 1_000;
const REQUEST_DEADLINE_MS = 60_000;
const MOST_PER_PAGE = 200;

/** Three different people, because a person cannot approve their own request. */
const OWNERS = {
  admin: {
    role: 'admin',
    workspaceId: WORKSPACE.id,
    ownerName: 'Ada Admin',
    ownerEmail: 'ada.admin@example.com',
  },
  platform: {
    role: 'platform',
    workspaceId: null,
    ownerName: 'Pia Platform',
    ownerEmail: 'pia.platform@example.com',
  },
  ops: {
    role: 'ops',
    workspaceId: null,
    ownerName: 'Otto Ops',
    ownerEmail: 'otto.ops@example.com',
  },
} as const satisfies Record<string, NewApiKey>;

export type DemoKeys = Record<keyof typeof OWNERS, string>;

export interface SeedOptions {
  dataDir: string;
  info: { api: string; databaseUrl: string };
  log: (line: string) => void;
  signal: AbortSignal;
}

/** Calls the API. @throws Error with the answer, unless it is a success */
type Call = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<unknown>;

/**
 * Creates the demo workspace, its keys and its users, once per data folder. If it was interrupted,
 * the next start completes it. Users that were deleted later are not created again.
 *
 * @returns the keys, if this start completed the seeding
 */
export const seedDemo = async (options: SeedOptions): Promise<DemoKeys | undefined> => {
  const { dataDir, info, log, signal } = options;
  const done = join(dataDir, 'demo.json');
  if (existsSync(done)) return undefined;
  log(`Adding the workspace ${WORKSPACE.id} with ${USER_COUNT.toLocaleString('en')} users`);
  const { db, close } = openDatabase(info.databaseUrl, { applicationName: 'keepsake-seed' });
  try {
    if ((await findWorkspace(db, WORKSPACE.id)) === undefined) await createWorkspace(db, WORKSPACE);
    const keys = await openKeys(db, join(dataDir, 'keys.json'));
    await addContent(callWith(info.api, keys.admin, signal));
    writePrivateJson(done, { seededAt: new Date().toISOString() });
    return keys;
  } finally {
    await close();
  }
};

const openKeys = async (db: Db, path: string): Promise<DemoKeys> => {
  const known = readJson(path) as DemoKeys | undefined;
  if (known !== undefined) return known;
  await revokeLostKeys(db);
  const [admin, platform, ops] = await Promise.all([
    createApiKey(db, OWNERS.admin),
    createApiKey(db, OWNERS.platform),
    createApiKey(db, OWNERS.ops),
  ]);
  const keys = { admin: admin.key, platform: platform.key, ops: ops.key };
  writePrivateJson(path, keys);
  return keys;
};

/** Revokes keys of an earlier start that crashed: their text is lost, so nobody can use them. */
const revokeLostKeys = async (db: Db): Promise<void> => {
  const owners: string[] = Object.values(OWNERS).map(({ ownerEmail }) => ownerEmail);
  const keys = await listApiKeys(db);
  const lost = keys.filter((key) => owners.includes(key.owner_email) && key.revoked_at === null);
  await Promise.all(lost.map(({ id }) => revokeApiKey(db, id)));
};

const addContent = async (call: Call): Promise<void> => {
  await addMissing(call, '/v1/properties', demoProperties);
  await addMissing(call, '/v1/segments', demoSegments);
  const users = [...demoUsers(USER_COUNT)];
  for (let start = 0; start < users.length; start += USERS_PER_REQUEST) {
    await addUsers(call, users.slice(start, start + USERS_PER_REQUEST));
  }
};

/** Creates the items whose names are missing, so that an interrupted seeding can be repeated. */
const addMissing = async (
  call: Call,
  path: string,
  wanted: readonly { name: string }[],
): Promise<void> => {
  const { data } = (await call('GET', `${path}?limit=${MOST_PER_PAGE}`)) as {
    data: { name: string }[];
  };
  const known = new Set(data.map(({ name }) => name));
  for (const each of wanted.filter(({ name }) => !known.has(name))) await call('POST', path, each);
};

const addUsers = async (call: Call, users: DemoUser[]): Promise<void> => {
  const { data } = (await call('POST', '/v1/users', users)) as {
    data: { userId: string; outcome: string; error?: unknown }[];
  };
  const failed = data.find(({ outcome }) => outcome === 'failed');
  if (failed !== undefined) {
    throw new Error(`The demo user ${failed.userId} failed: ${JSON.stringify(failed.error)}`);
  }
};

const callWith =
  (api: string, key: string, signal: AbortSignal): Call =>
  async (method, path, body) => {
    const response = await fetch(`${api}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_DEADLINE_MS)]),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
