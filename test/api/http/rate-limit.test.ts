import { afterEach, expect, test, vi } from 'vitest';
import { ACCESS } from '../../../api/access.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { useApi, type Answer } from '../support.ts';

const LIMIT = 20;
const PROXY = '198.51.100.7';

const api = useApi({ rateLimitPerMinute: LIMIT, trustedProxies: [PROXY] });

afterEach(() => vi.useRealTimers());

const unknownKey = `ks_${'x'.repeat(43)}`;

let addresses = 0;
const newAddress = () => `192.0.2.${++addresses}`;

const newKey = async (): Promise<string> => {
  const person = { workspaceId: null, ownerName: 'olga', ownerEmail: 'olga@keys.example' };
  return (await createApiKey(api().database.owner.db, { role: 'ops', ...person })).key;
};

type Options = NonNullable<Parameters<ReturnType<typeof api>['call']>[2]>;

const callTimes = async (count: number, url: string, options: Options): Promise<Answer[]> => {
  const answers: Answer[] = [];
  for (let n = 0; n < count; n++) answers.push(await api().call('GET', url, options));
  return answers;
};

const statuses = (answers: Answer[]) => [...new Set(answers.map(({ status }) => status))];

test('a key has a limit of requests per minute, and headers state the remaining requests and the time to wait', async () => {
  const options = { key: await newKey(), remoteAddress: newAddress() };
  const answers = await callTimes(LIMIT, '/v1/me', options);
  expect(statuses(answers)).toEqual([200]);
  expect(answers.map(({ headers }) => Number(headers['ratelimit-remaining']))).toEqual(
    answers.map((_answer, index) => LIMIT - 1 - index),
  );
  expect(answers[0]?.headers).toMatchObject({ 'ratelimit-limit': '20', 'ratelimit-reset': '60' });

  const refused = await api().call('GET', '/v1/me', options);
  expect(refused).toMatchObject({ status: 429, body: { type: '/problems/too-many-requests' } });
  expect(refused.headers).toMatchObject({ 'ratelimit-limit': '20', 'ratelimit-remaining': '0' });
  const seconds = Number(refused.headers['retry-after']);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
  const other = await api().call('GET', '/v1/me', { ...options, key: await newKey() });
  expect(other.status).toBe(200);
});

test('a key can send requests again after the minute', async () => {
  const options = { key: await newKey(), remoteAddress: newAddress() };
  expect(statuses(await callTimes(LIMIT + 1, '/v1/me', options))).toEqual([200, 429]);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_001 });
  expect((await api().call('GET', '/v1/me', options)).status).toBe(200);
});

test('the requests of one key from several addresses count together', async () => {
  const key = await newKey();
  for (let n = 0; n < LIMIT; n++) {
    await api().call('GET', '/v1/me', { key, remoteAddress: newAddress() });
  }
  const refused = await api().call('GET', '/v1/me', { key, remoteAddress: newAddress() });
  expect(refused.status).toBe(429);
});

test('guesses of keys are limited by address before any lookup, and other addresses are not affected', async () => {
  const remoteAddress = newAddress();
  const guesses = await callTimes(LIMIT, '/v1/me', { key: unknownKey, remoteAddress });
  expect(statuses(guesses)).toEqual([401]);
  const [next, right] = [
    await api().call('GET', '/v1/me', { key: unknownKey, remoteAddress }),
    await api().call('GET', '/v1/me', { remoteAddress }),
  ];
  expect([next.status, right.status]).toEqual([429, 429]);
  expect(next.headers['retry-after']).toMatch(/^\d+$/);
  expect((await api().call('GET', '/v1/me', { remoteAddress: newAddress() })).status).toBe(200);
});

test('guesses of links, unknown paths and requests without a key also count by address', async () => {
  for (const [url, status] of [
    ['/d/forged', 404],
    ['/v1/nothing', 404],
    ['/v1/me', 401],
  ] as const) {
    const options = { key: null, remoteAddress: newAddress() };
    const answers = await callTimes(LIMIT + 1, url, options);
    expect({ url, statuses: statuses(answers) }).toEqual({ url, statuses: [status, 429] });
  }
});

test('addresses of one IPv6 network count as one address', async () => {
  for (let n = 1; n <= LIMIT; n++) {
    const remoteAddress = `2001:db8::${n.toString(16)}`;
    expect((await api().call('GET', '/v1/me', { key: null, remoteAddress })).status).toBe(401);
  }
  const remoteAddress = '2001:db8::ffff';
  expect((await api().call('GET', '/v1/me', { key: null, remoteAddress })).status).toBe(429);
});

test('a forwarded address is accepted only from a trusted proxy', async () => {
  for (let n = 0; n < LIMIT + 1; n++) {
    const headers = { 'x-forwarded-for': newAddress() };
    const trusted = await api().call('GET', '/v1/me', {
      key: null,
      headers,
      remoteAddress: PROXY,
    });
    expect(trusted.status).toBe(401);
  }
  const remoteAddress = newAddress();
  const spoofed: Answer[] = [];
  for (let n = 0; n < LIMIT + 1; n++) {
    const headers = { 'x-forwarded-for': newAddress() };
    spoofed.push(await api().call('GET', '/v1/me', { key: null, headers, remoteAddress }));
  }
  expect(statuses(spoofed)).toEqual([401, 429]);
});

test('probes are never limited, and their answers have no rate-limit headers', async () => {
  const probes = Object.entries(ACCESS).filter(
    ([, access]) => access.public === true && access.isUnlimited === true,
  );
  expect(probes.map(([route]) => route)).toContain('GET /healthz');
  for (const [route] of probes) {
    const url = route.replace('GET ', '');
    const answers = await callTimes(LIMIT + 5, url, { key: null, remoteAddress: newAddress() });
    expect({ url, statuses: statuses(answers) }).not.toMatchObject({
      statuses: expect.arrayContaining([429]),
    });
    expect(answers[0]?.headers).not.toHaveProperty('ratelimit-limit');
  }
});

test('a refused request is logged with its key id, and no address is logged', async () => {
  const { call, log } = api();
  const remoteAddress = newAddress();
  await callTimes(LIMIT + 1, '/v1/me', { key: unknownKey, remoteAddress });
  const key = await newKey();
  await callTimes(LIMIT + 1, '/v1/me', { key, remoteAddress: newAddress() });
  await call('GET', '/healthz');
  const lines = log.map((line) => JSON.parse(line) as Record<string, unknown>);
  const refused = lines.filter(({ status, keyId }) => status === 429 && keyId !== undefined);
  expect(refused.length).toBeGreaterThan(0);
  expect(log.join('')).not.toContain('192.0.2.');
});
