import { expect, test } from 'vitest';
import { useApi } from '../support.ts';
import { signIn } from './sessions-support.ts';

/** Requests that a page of another origin, or without the token, makes a browser send. */

const LIMIT = 30;
const api = useApi({ rateLimitPerMinute: LIMIT });

let addresses = 0;
const newAddress = () => `192.0.2.${++addresses}`;

type Headers = Record<string, string>;

const newProperty = (headers: Headers, name = 'plan') =>
  api().call('POST', '/v1/properties', { key: null, headers, body: { name, type: 'string' } });

const names = async (): Promise<string[]> =>
  (await api().database.owner.pool.query('SELECT name FROM properties')).rows.map(
    ({ name }) => name as string,
  );

const OWN = { 'sec-fetch-site': 'same-origin', origin: 'http://keepsake.example' };

test('a session changes something only with its own token', async () => {
  const { keys } = api();
  const [mine, other] = [await signIn(api(), keys.one), await signIn(api(), keys.one)];
  const { cookie, csrfToken } = mine;
  for (const token of ['', 'x', other.csrfToken, `${csrfToken}, ${csrfToken}`, mine.sessionId]) {
    const refused = await newProperty({ cookie, ...OWN, 'x-csrf-token': token });
    expect(refused).toMatchObject({ status: 403, body: { type: '/problems/csrf-token-invalid' } });
  }
  const without = await newProperty({ cookie, ...OWN });
  expect(without).toMatchObject({ status: 403, body: { type: '/problems/csrf-token-invalid' } });
  expect(await names()).toEqual([]);
  expect((await newProperty({ ...mine.headers, ...OWN }, 'browser')).status).toBe(201);
  expect((await newProperty(mine.headers, 'program')).status).toBe(201);
  expect(await names()).toEqual(['browser', 'program']);
});

test('a session reads without a token, and never with that of another session', async () => {
  const { keys, call } = api();
  const [mine, other] = [await signIn(api(), keys.one), await signIn(api(), keys.two)];
  const read = (headers: Headers) => call('GET', '/v1/properties', { key: null, headers });
  const { cookie, csrfToken } = mine;
  expect((await read({ cookie })).status).toBe(200);
  expect((await read({ cookie, 'x-csrf-token': csrfToken })).status).toBe(200);
  const refused = await read({ cookie, 'x-csrf-token': other.csrfToken });
  expect(refused).toMatchObject({ status: 403, body: { type: '/problems/csrf-token-invalid' } });
});

test('signing out of a live session needs its token', async () => {
  const session = await signIn(api(), api().keys.one);
  const out = (headers: Headers) => api().call('DELETE', '/v1/session', { key: null, headers });
  const { cookie } = session;
  expect((await out({ cookie })).body.type).toBe('/problems/csrf-token-invalid');
  const withKey = { cookie, authorization: `Bearer ${api().keys.one}` };
  expect((await out(withKey)).body.type).toBe('/problems/csrf-token-invalid');
  for (const cookies of [cookie, `${cookie}; ${cookie}`]) {
    const foreign = { ...session.headers, cookie: cookies, 'sec-fetch-site': 'same-site' };
    expect((await out(foreign)).body.type).toBe('/problems/cross-site-request');
  }
  expect((await out({ ...session.headers, ...OWN })).status).toBe(204);
});

test.each<[string, Headers]>([
  ['another site', { 'sec-fetch-site': 'cross-site' }],
  ['another host of the same site', { 'sec-fetch-site': 'same-site' }],
  ['no page, although the method changes something', { 'sec-fetch-site': 'none' }],
  ['an unknown kind of site', { 'sec-fetch-site': 'same-origin, same-origin' }],
  ['another origin', { origin: 'http://evil.example' }],
  ['another port', { origin: 'http://keepsake.example:81' }],
  ['a page without an origin', { origin: 'null' }],
  ['an origin that is not a URL', { origin: 'keepsake.example' }],
  ['an origin that begins like the own origin', { origin: 'http://keepsake.example.evil.example' }],
  ['another origin that claims the same', { ...OWN, origin: 'http://evil.example' }],
])('a session changes nothing for a request from %s', async (_from, foreign) => {
  const session = await signIn(api(), api().keys.two);
  const refused = await newProperty({ ...session.headers, ...foreign }, 'foreign');
  expect(refused).toMatchObject({ status: 403, body: { type: '/problems/cross-site-request' } });
  expect(await names()).not.toContain('foreign');
});

test.each<[string, Headers]>([
  ['PUBLIC_URL', { origin: 'http://keepsake.example' }],
  ['the host of the request', { origin: 'http://127.0.0.1:8080', host: '127.0.0.1:8080' }],
  ['the host behind a proxy with TLS', { origin: 'https://here.example', host: 'here.example' }],
])('the origin of %s is accepted', async (_name, headers) => {
  const session = await signIn(api(), api().keys.platform);
  const out = { ...session.headers, ...headers };
  expect((await api().call('DELETE', '/v1/session', { key: null, headers: out })).status).toBe(204);
});

test('a session reads for pages of its own origin and typed addresses only', async () => {
  const { cookie } = await signIn(api(), api().keys.one);
  const read = async (site: string, more: Headers = {}) =>
    (
      await api().call('GET', '/v1/me', {
        key: null,
        headers: { cookie, 'sec-fetch-site': site, ...more },
      })
    ).status;
  expect([await read('same-origin'), await read('none')]).toEqual([200, 200]);
  const top = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  const foreign = [
    await read('cross-site'),
    await read('same-site'),
    await read('cross-site', top),
  ];
  expect(foreign).toEqual([403, 403, 403]);
});

test('wrong keys at sign-in count for their address, and stop it before a key is looked up', async () => {
  const remoteAddress = newAddress();
  const send = async (key: string) =>
    (await api().call('POST', '/v1/session', { key: null, body: { key }, remoteAddress })).status;
  const statuses: number[] = [];
  for (let n = 0; n < LIMIT; n++) statuses.push(await send(`ks_${'x'.repeat(43)}`));
  expect(new Set(statuses)).toEqual(new Set([401]));
  expect(await send(api().keys.one)).toBe(429);
  const bearer = await api().call('GET', '/v1/me', { remoteAddress });
  expect(bearer.status).toBe(429);
});

test('unknown sessions count for their address, and live sessions for their key', async () => {
  const remoteAddress = newAddress();
  const unknown = { cookie: `keepsake-session=${'x'.repeat(43)}` };
  const read = async (headers: Headers, address = remoteAddress) =>
    await api().call('GET', '/v1/me', { key: null, headers, remoteAddress: address });
  for (let n = 0; n < LIMIT; n++) expect((await read(unknown)).status).toBe(401);
  expect((await read(unknown)).status).toBe(429);
  const { cookie } = await signIn(api(), api().keys.ops);
  for (let n = 0; n < LIMIT; n++) expect((await read({ cookie }, newAddress())).status).toBe(200);
  const more = await read({ cookie }, newAddress());
  expect(more).toMatchObject({
    status: 429,
    body: { detail: expect.stringContaining('this key') },
  });
});

test('a page of another site cannot use up the limit of an address', async () => {
  const remoteAddress = newAddress();
  const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
  const body = { key: `ks_${'x'.repeat(43)}` };
  const send = (headers: Headers) =>
    api().call('POST', '/v1/session', { key: null, body, headers, remoteAddress });
  for (let n = 0; n < 2 * LIMIT; n++) {
    expect((await send(foreign)).body.type).toBe('/problems/cross-site-request');
    const read = { key: null, headers: { 'sec-fetch-site': 'cross-site' }, remoteAddress };
    for (const path of ['/v1/users', '/d/forged', '/v1/nothing']) {
      expect((await api().call('GET', path, read)).status).toBe(403);
    }
    const frame = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
    const framed = { ...read, headers: { ...read.headers, ...frame } };
    expect((await api().call('GET', '/d/forged', framed)).status).toBe(403);
    const ahead = {
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'sec-purpose': 'prefetch',
    };
    const prefetched = { ...read, headers: { ...read.headers, ...ahead } };
    expect((await api().call('GET', '/d/forged', prefetched)).status).toBe(403);
  }
  const right = await api().call('POST', '/v1/session', {
    key: null,
    body: { key: api().keys.one },
    headers: OWN,
    remoteAddress,
  });
  expect(right.status).toBe(200);
});

test('a user can follow a link of another site, such as a mail, to a page that needs no session', async () => {
  const site = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
  const headers = { ...site, 'sec-fetch-dest': 'document' };
  const options = { key: null, headers, remoteAddress: newAddress() };
  expect((await api().call('GET', '/problems/gone', options)).status).toBe(200);
  expect((await api().call('GET', '/d/forged', options)).status).toBe(404);
  expect((await api().call('GET', '/v1/me', options)).status).toBe(403);
});
