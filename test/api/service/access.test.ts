import { beforeAll, describe, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { ACCESS, requireAccess } from '../../../api/access.ts';
import type { App } from '../../../api/http/app.ts';
import { createApiKey, revokeApiKey } from '../../../db/api-keys.ts';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';
import { signIn } from '../sessions/sessions-support.ts';
import { useApi } from '../support.ts';

/** Answers with sums; `overview.test.ts` compares those of each key. */
const SUMS = 'GET /v1/overview';

/** The access table, for requests with a key and with the cookie of a session. */

const api = useApi();

/** Adds rows of both workspaces to each list. */
beforeAll(async () => {
  const { database, keyIds } = api();
  const { db, pool } = database.owner;
  for (const workspaceId of ['one', 'two'] as const) {
    const jobId = await makeJob(db, { workspaceId, keyId: keyIds[workspaceId], type: 'deletion' });
    await makeExport({ db }, { jobId, workspaceId, purpose: 'backup' });
    await pool.query(
      `INSERT INTO delete_all_requests (id, workspace_id, requester_key_id, reason, users_then)
       VALUES ($1, $2, $3, 'over', 1)`,
      [uuidv7(), workspaceId, keyIds[workspaceId]],
    );
  }
});

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const guarded = Object.entries(ACCESS).flatMap(([route, access]) => {
  if (access.public === true) return [];
  const [method, url] = route.split(' ') as [Method, string];
  const path = url.replaceAll(/:\w+/g, () => uuidv7());
  return [{ route, method, path, access }];
});

type Headers = Record<string, string>;

/** Two ways to prove a key. */
const KINDS = {
  key: async (key: string): Promise<Headers> => ({ authorization: `Bearer ${key}` }),
  session: async (key: string): Promise<Headers> => (await signInOnce(key)).headers,
};

const signedIn = new Map<string, ReturnType<typeof signIn>>();
const signInOnce = (key: string) => {
  const session = signedIn.get(key) ?? signIn(api(), key);
  signedIn.set(key, session);
  return session;
};

const callWith = (method: Method, path: string, headers: Headers) =>
  api().call(method, path, {
    key: null,
    headers,
    ...(method !== 'GET' && { body: { nonsense: true } }),
  });

test('a route without an entry in the access table fails the build of the API', () => {
  expect(() => requireAccess({ method: 'GET', url: '/v1/forgotten' })).toThrow('api/access.ts');
  expect(() => requireAccess({ method: ['GET', 'PUT'], url: '/v1/users' })).toThrow(
    'PUT /v1/users',
  );
});

test('each entry of the access table is an existing route', () => {
  const app: App = api().app;
  for (const route of Object.keys(ACCESS)) {
    const [method, url] = route.split(' ') as [Method, string];
    expect({ route, isThere: app.hasRoute({ method, url }) }).toEqual({ route, isThere: true });
  }
});

test.each(guarded)(
  '$route: a missing, malformed or unknown key or session is answered with 401',
  async ({ method, path }) => {
    const wrong: Headers[] = [
      {},
      { authorization: 'Bearer ks_x' },
      { authorization: `Bearer ks_${'x'.repeat(43)}` },
      { cookie: 'keepsake-session=x' },
      { cookie: `keepsake-session=${'x'.repeat(43)}` },
    ];
    for (const headers of wrong) {
      expect((await callWith(method, path, headers)).status).toBe(401);
    }
  },
);

describe.each(Object.entries(KINDS))('with a %s', (kind, headersOf) => {
  const call = async (method: Method, path: string, key: string) =>
    callWith(method, path, await headersOf(key));

  test.each(guarded)('$route: each role has the access that the table states', async (it) => {
    const { keys } = api();
    const roles = [
      { role: 'admin', key: keys.one },
      { role: 'platform', key: keys.platform },
      { role: 'ops', key: keys.ops },
    ] as const;
    for (const { role, key } of roles) {
      const { status } = await call(it.method, it.path, key);
      const isLetIn = it.access.roles.includes(role);
      expect({ role, isRefused: status === 403 }).toEqual({ role, isRefused: !isLetIn });
      expect([401, 405, 500]).not.toContain(status);
    }
  });

  test.each(guarded)(
    '$route: no access to another workspace or to an unknown workspace',
    async (it) => {
      const { keys } = api();
      const other = await call(it.method, `${it.path}?workspace=two`, keys.one);
      expect(other.status).toBe(it.access.roles.includes('admin') ? 404 : 403);
      const unknown = await call(it.method, `${it.path}?workspace=three`, keys.platform);
      expect(unknown.status).toBe(it.access.roles.includes('platform') ? 404 : 403);
    },
  );

  test.each(
    guarded.filter(({ access }) => access.workspace === 'one' && access.roles.includes('platform')),
  )(
    '$route: a key that sees several workspaces must name one workspace',
    async ({ method, path }) => {
      const unnamed = await call(method, path, api().keys.platform);
      expect(unnamed).toMatchObject({
        status: 400,
        body: { type: '/problems/workspace-required' },
      });
    },
  );

  test.each(guarded.filter(({ route, access }) => access.workspace === 'all' && route !== SUMS))(
    '$route: a key that sees several workspaces gets all of them, and an admin only their own',
    async ({ method, path }) => {
      const { keys } = api();
      const workspacesOf = async (key: string, parameter = ''): Promise<unknown[]> => {
        const { status, body } = await call(method, `${path}${parameter}`, key);
        expect(status).toBe(200);
        const rows = body.data as { id: string; workspace?: string | null }[];
        const named = rows.map(({ id, workspace = id }) => workspace);
        return [...new Set(named)].filter((id) => id !== null).toSorted();
      };
      for (const key of [keys.platform, keys.ops]) {
        expect(await workspacesOf(key)).toEqual(['one', 'two']);
        expect(await workspacesOf(key, '?workspace=two')).toEqual(['two']);
      }
      for (const parameter of ['', '?workspace=one']) {
        expect(await workspacesOf(keys.one, parameter)).toEqual(['one']);
      }
      expect(await workspacesOf(keys.two)).toEqual(['two']);
    },
  );

  test('after the key is revoked, each request is answered with 401', async () => {
    const { database } = api();
    const { key, id } = await createApiKey(database.owner.db, {
      role: 'ops',
      workspaceId: null,
      ownerName: kind,
      ownerEmail: 'olga@keys.example',
    });
    expect((await call('GET', '/v1/me', key)).status).toBe(200);
    await revokeApiKey(database.owner.db, id);
    expect((await call('GET', '/v1/me', key)).status).toBe(401);
  });
});

test.each(guarded.filter(({ method }) => method !== 'GET'))(
  '$route: a session without its token is refused before anything else',
  async ({ method, path }) => {
    const { cookie } = await signInOnce(api().keys.one);
    const answer = await callWith(method, path, { cookie });
    expect(answer).toMatchObject({ status: 403, body: { type: '/problems/csrf-token-invalid' } });
  },
);

test.each(guarded)('$route: a page of another site cannot use a session', async (it) => {
  const { headers } = await signInOnce(api().keys.one);
  for (const foreign of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ] as Headers[]) {
    const answer = await callWith(it.method, it.path, { ...headers, ...foreign });
    expect(answer).toMatchObject({ status: 403, body: { type: '/problems/cross-site-request' } });
  }
});
