import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { createApiKey, proofOf } from '../../../db/api-keys.ts';
import { useApi } from '../support.ts';
import { signIn } from './sessions-support.ts';

/** Signing in and out, and the cookie of a session. */

const api = useApi();

const HOURS_MS = 3_600_000;

const query = async (text: string, values: unknown[] = []) =>
  (await api().database.owner.pool.query(text, values)).rows;

const post = (key: string, headers: Record<string, string> = {}) =>
  api().call('POST', '/v1/session', { key: null, body: { key }, headers });

const get = (headers: Record<string, string>, path = '/v1/session') =>
  api().call('GET', path, { key: null, headers });

const signOut = (headers: Record<string, string>) =>
  api().call('DELETE', '/v1/session', { key: null, headers });

const rowOf = (sessionId: string) =>
  query('SELECT * FROM sessions WHERE hash = sha256($1)', [proofOf(sessionId)]);

test('signing in returns a cookie, a token, the end, and the same as /v1/me', async () => {
  // The first use of the key is recorded.
  await post(api().keys.two);
  const { body } = await post(api().keys.two);
  const me = (await api().call('GET', '/v1/me', { key: api().keys.two })).body;
  expect(body).toEqual({
    csrfToken: expect.stringMatching(/^[\w-]{43}$/),
    expiresAt: expect.any(String),
    me,
  });
  const left = Date.parse(body.expiresAt) - Date.now();
  expect(left).toBeGreaterThan(11.9 * HOURS_MS);
  expect(left).toBeLessThan(12.1 * HOURS_MS);
});

test('a session can be read again, with the same token and end, and in a named workspace', async () => {
  const session = await signIn(api(), api().keys.platform);
  const again = await get({ cookie: session.cookie });
  expect(again).toMatchObject({
    status: 200,
    body: { csrfToken: session.csrfToken, expiresAt: session.expiresAt, me: { workspace: null } },
  });
  const named = await get({ cookie: session.cookie }, '/v1/session?workspace=two');
  expect(named.body.me.workspace.id).toBe('two');
});

test('a session does what its key does, also what the database accepts only with a proof', async () => {
  const [admin, platform] = [
    await signIn(api(), api().keys.one),
    await signIn(api(), api().keys.platform),
  ];
  const asked = await api().call('POST', '/v1/delete-all-requests', {
    key: null,
    headers: admin.headers,
    body: { reason: 'a test' },
  });
  expect(asked.status).toBe(201);
  const denied = await api().call('POST', `/v1/delete-all-requests/${asked.body.id}/deny`, {
    key: null,
    headers: platform.headers,
    body: { reason: 'no' },
  });
  expect(denied).toMatchObject({ status: 200, body: { state: 'denied' } });
});

test('white space around a pasted key is ignored', async () => {
  const { one } = api().keys;
  for (const pasted of [` ${one}\n`, `\u00a0${one}\u00a0`, `\t${one}\u2028`, `\ufeff${one}`]) {
    expect((await post(pasted)).status).toBe(200);
  }
  expect((await post(`${one.slice(0, 9)} ${one.slice(9)}`)).status).toBe(401);
});

test('a wrong key is answered with 401 and no cookie, and begins no session', async () => {
  const [{ count }] = await query('SELECT count(*) FROM sessions');
  for (const key of ['', 'ks_', `ks_${'x'.repeat(43)}`, 'nonsense', `Bearer ${api().keys.one}`]) {
    const answer = await post(key);
    expect(answer).toMatchObject({ status: 401, body: { type: '/problems/unauthenticated' } });
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="keepsake"');
  }
  expect((await post('x'.repeat(1_001))).status).toBe(400);
  expect((await post('x'.repeat(9_000))).status).toBe(413);
  expect(await query('SELECT count(*) FROM sessions')).toEqual([{ count }]);
});

test('a body that browsers send without a preflight is refused', async () => {
  const { one: key } = api().keys;
  for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
    const answer = await post(key, { 'content-type': type });
    expect(answer).toMatchObject({
      status: 415,
      body: { type: '/problems/unsupported-media-type' },
    });
  }
});

test('over http, the cookie is for this host only, and hidden from scripts and other sites', async () => {
  const { headers } = await post(api().keys.one);
  expect(headers['set-cookie']).toMatch(
    /^keepsake-session=[\w-]{43}; Max-Age=4(?:3200|31\d\d); Path=\/; HttpOnly; SameSite=Strict$/,
  );
  expect(headers['cache-control']).toBe('no-store');
});

describe('with an https PUBLIC_URL', () => {
  const secure = useApi({ publicUrl: 'https://keepsake.example/console' });

  test('the cookie is sent over https only, and bound to the host by its name', async () => {
    const { call, keys } = secure();
    const body = { key: keys.one };
    const { headers } = await call('POST', '/v1/session', { key: null, body });
    expect(headers['set-cookie']).toMatch(
      /^__Host-keepsake-session=[\w-]{43}; Max-Age=4(?:3200|31\d\d); Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    const session = await signIn(secure(), keys.one);
    const plain = session.cookie.replace('__Host-', '');
    const read = (cookie: string) => call('GET', '/v1/session', { key: null, headers: { cookie } });
    expect((await read(session.cookie)).status).toBe(200);
    expect((await read(plain)).status).toBe(401);
    // A plain cookie that another host of the domain has set does not disturb.
    expect((await read(`${plain}; ${session.cookie}`)).status).toBe(200);
    const out = await call('DELETE', '/v1/session', { key: null, headers: session.headers });
    expect(out.headers['set-cookie']).toMatch(
      /^__Host-keepsake-session=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970 .*HttpOnly; Secure; SameSite=Strict$/,
    );
  });

  test.each(['\xa0', '\x85', '\x0b'])(
    'a cookie whose name begins with the byte %j, as another host can set it, is ignored',
    async (byte) => {
      const { app, keys } = secure();
      const { cookie } = await signIn(secure(), keys.one);
      if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 });
      const { port } = app.server.address() as AddressInfo;
      const statusOf = async (cookies: string) => {
        const socket = connect({ host: '127.0.0.1', port });
        const head = `GET /v1/me HTTP/1.1\r\nHost: here\r\nConnection: close\r\nCookie: ${cookies}`;
        socket.write(`${head}\r\n\r\n`, 'latin1');
        return /^HTTP\/1\.1 (\d+)/.exec(await text(socket))?.[1];
      };
      expect(await statusOf(cookie)).toBe('200');
      expect(['400', '401']).toContain(await statusOf(`${byte}${cookie}`));
      expect(['200', '400']).toContain(await statusOf(`${cookie}; ${byte}${cookie}`));
    },
  );

  test('a page over http is another origin', async () => {
    const { call, keys } = secure();
    const statusOf = async (origin: string, host = 'keepsake.example') => {
      const headers = { origin, host };
      return (await call('POST', '/v1/session', { key: null, body: { key: keys.one }, headers }))
        .status;
    };
    expect(await statusOf('https://keepsake.example')).toBe(200);
    expect(await statusOf('https://other.example', 'other.example')).toBe(200);
    expect(await statusOf('http://keepsake.example')).toBe(403);
    expect(await statusOf('https://keepsake.example:444')).toBe(403);
  });

  test('the OpenAPI document names the cookie', async () => {
    const { body } = await secure().call('GET', '/openapi.json', { key: null });
    const { session } = body.components.securitySchemes;
    expect(session).toMatchObject({ in: 'cookie', name: '__Host-keepsake-session' });
    expect(body.paths['/v1/users'].post.security).toEqual([{ apiKey: [] }, { session: [] }]);
    expect(body.paths['/v1/session'].post.security).toEqual([]);
  });
});

test('signing out ends the session, deletes its row, and clears the cookie', async () => {
  const session = await signIn(api(), api().keys.one);
  const other = await signIn(api(), api().keys.one);
  const out = await signOut(session.headers);
  expect(out.status).toBe(204);
  expect(out.headers['set-cookie']).toMatch(
    /^keepsake-session=; Max-Age=0; Path=\/; Expires=Thu, 01/,
  );
  expect(await rowOf(session.sessionId)).toEqual([]);
  const ended = await get({ cookie: session.cookie });
  expect(ended).toMatchObject({ status: 401, body: { type: '/problems/unauthenticated' } });
  expect(ended.body.detail).toBe('The session has ended. Sign in again.');
  expect((await get({ cookie: other.cookie })).status).toBe(200);
});

test('signing out is 204 without a cookie, and with a malformed, unknown or ended session', async () => {
  const session = await signIn(api(), api().keys.one);
  await signOut(session.headers);
  const cookies = [
    session.cookie,
    'keepsake-session=x',
    'keepsake-session=',
    'other=1',
    ';;=;',
  ].concat('keepsake-session=%E0%A4%A', 'keepsake-session="; x');
  for (const cookie of cookies) {
    const out = await signOut({ cookie });
    expect({ cookie, status: out.status }).toEqual({ cookie, status: 204 });
    expect(out.headers['set-cookie']).toMatch(/^keepsake-session=; Max-Age=0;/);
  }
  expect((await signOut({})).status).toBe(204);
});

test('two session cookies are refused, and signing out ends both sessions', async () => {
  const [one, two] = [await signIn(api(), api().keys.one), await signIn(api(), api().keys.two)];
  for (const cookie of [
    `${one.cookie}; ${two.cookie}`,
    `${two.cookie}; a=b;${one.cookie}`,
    `${one.cookie}; ${one.cookie}`,
    `keepsake-session=; ${one.cookie}`,
  ]) {
    const refused = await get({ cookie });
    expect(refused.status).toBe(401);
    expect(refused.body.detail).toContain('several session cookies');
  }
  expect((await signOut({ cookie: `${one.cookie}; ${two.cookie}` })).status).toBe(204);
  for (const { sessionId } of [one, two]) expect(await rowOf(sessionId)).toEqual([]);
});

test('signing in again ends the previous session of the browser, and a wrong key does not', async () => {
  const before = await signIn(api(), api().keys.one);
  await post(`ks_${'x'.repeat(43)}`, { cookie: before.cookie });
  expect((await get({ cookie: before.cookie })).status).toBe(200);
  await post(api().keys.one, { cookie: before.cookie });
  expect(await rowOf(before.sessionId)).toEqual([]);
});

test('a key in the Authorization header wins over a cookie, and needs no token', async () => {
  const { keys, shownIds, call } = api();
  const { cookie } = await signIn(api(), keys.one);
  const both = await call('GET', '/v1/me', { key: keys.platform, headers: { cookie } });
  expect(both.body.key.id).toBe(shownIds.platform);
  const wrong = await call('GET', '/v1/me', { key: 'ks_x', headers: { cookie } });
  expect(wrong.status).toBe(401);
  const written = await call('POST', '/v1/properties', {
    body: { name: 'plan', type: 'string' },
    headers: { cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  });
  expect(written.status).toBe(201);
  const read = await call('GET', '/v1/session', { headers: { cookie } });
  expect(read).toMatchObject({ status: 404, body: { type: '/problems/not-found' } });
});

test('the id of a session is not a key, and a key is not the id of a session', async () => {
  const { keys, call } = api();
  const { sessionId } = await signIn(api(), keys.one);
  for (const key of [sessionId, `ks_${sessionId}`]) {
    expect((await call('GET', '/v1/me', { key })).status).toBe(401);
    expect((await post(key)).status).toBe(401);
  }
  for (const id of [keys.one, keys.one.slice(3)]) {
    expect((await get({ cookie: `keepsake-session=${id}` })).status).toBe(401);
  }
});

test('the use of each session is recorded, also if sessions share a key', async () => {
  const key = await createApiKey(api().database.owner.db, {
    role: 'ops',
    workspaceId: null,
    ownerName: 'olga',
    ownerEmail: 'olga@keys.example',
  });
  const sessions = [await signIn(api(), key.key), await signIn(api(), key.key)];
  const longAgo = `UPDATE sessions SET last_used_at = clock_timestamp() - interval '1 hour'`;
  await query(`${longAgo} WHERE key_id = $1`, [key.id]);
  for (const { cookie } of sessions) await get({ cookie }, '/v1/me');
  const recent = `SELECT FROM sessions WHERE key_id = $1 AND last_used_at > now() - interval '1 minute'`;
  await expect.poll(async () => (await query(recent, [key.id])).length).toBe(2);
  const [{ at }] = await query('SELECT last_used_at AS at FROM api_keys WHERE id = $1', [key.id]);
  expect(at).toBeInstanceOf(Date);
});

test('no log line has a session id, a token, a hash or a key', async () => {
  const { keys, log } = api();
  const session = await signIn(api(), keys.one);
  await get({ cookie: session.cookie });
  await get({ cookie: `${session.cookie}; ${session.cookie}` });
  await signOut({ cookie: session.cookie, 'x-csrf-token': 'wrong' });
  await api().call('POST', '/v1/segments', { key: null, headers: session.headers, body: {} });
  await post(`${keys.one}x`);
  const [{ hash }] = await rowOf(session.sessionId);
  await signOut(session.headers);
  const text = log.join('\n');
  expect(text).toContain('/v1/session');
  const secrets = [session.sessionId, session.csrfToken, keys.one, proofOf(session.sessionId)];
  for (const secret of [...secrets, hash as Buffer]) {
    expect(text).not.toContain(secret.toString('hex'));
    expect(text).not.toContain(secret.toString('base64'));
  }
});
