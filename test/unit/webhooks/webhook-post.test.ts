import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { createPost, type PostOptions } from '../../../webhooks/post.ts';
import {
  RECEIVER_CERTIFICATE,
  startReceiver,
  type Answering,
  type Receiver,
} from '../../support/http/webhook-receiver.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0)) await close();
});

const receive = async (...args: Parameters<typeof startReceiver>): Promise<Receiver> => {
  const receiver = await startReceiver(...args);
  closers.push(receiver.stop);
  return receiver;
};

const REQUEST = { headers: { 'content-type': 'application/json' }, body: '{"a":"ü"}' };

/** Sends a request like a worker that allows private addresses; `options` changes this. */
const post = (url: string, options: Partial<PostOptions> = {}) =>
  createPost({ allowPrivate: true, ...options })({ url, ...REQUEST }, new AbortController().signal);

const silent: Answering = () => undefined;
const unknown = async () => Promise.reject(new Error('ENOTFOUND'));
const never = () => new Promise<string[]>(() => {});
const toLoopback = async () => ['127.0.0.1'];

test('a 2xx is a success, and method, path, body and its length arrive unchanged', async () => {
  const receiver = await receive();
  expect(await post(receiver.url('/a?b=c'))).toMatchObject({ status: 204, error: null });
  expect(receiver.received).toMatchObject([
    { method: 'POST', path: '/a?b=c', body: REQUEST.body, headers: { 'content-length': '10' } },
  ]);
});

test.each([
  [500, 'status'],
  [404, 'status'],
  [410, 'gone'],
  [302, 'redirect'],
  [307, 'redirect'],
] as const)('%i is reported as %s', async (status, error) => {
  const receiver = await receive(() => status);
  expect(await post(receiver.url())).toMatchObject({ status, error });
});

test.each([
  [
    'another protocol',
    '101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket',
    'badAnswer',
    30_000,
  ],
  ['hints and nothing more', '103 Early Hints', 'timeout', 400],
])('an answer of %s ends the attempt', async (_what, head, error, wholeMs) => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(`HTTP/1.1 ${head}\r\n\r\n`));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => server.close());
  const { port } = server.address() as AddressInfo;
  expect(await post(`http://127.0.0.1:${port}/`, { wholeMs })).toMatchObject({
    status: null,
    error,
  });
});

test('a redirect is not followed', async () => {
  const goal = await receive();
  const receiver = await receive(() => [307, { location: goal.url() }]);
  expect(await post(receiver.url())).toMatchObject({ status: 307, error: 'redirect' });
  expect(goal.received).toEqual([]);
});

test.each([
  ['7', 7_000],
  ['-1', null],
  ['soon', null],
])('Retry-After %s of a 503 is returned in milliseconds', async (text, expected) => {
  const receiver = await receive(() => [503, { 'retry-after': text }]);
  expect((await post(receiver.url())).retryAfterMs).toBe(expected);
});

test('a date in Retry-After is returned as the milliseconds until then', async () => {
  const then = new Date(Date.now() + 60_000).toUTCString();
  const receiver = await receive(() => [503, { 'retry-after': then }]);
  const before = Date.now();
  const { retryAfterMs } = await post(receiver.url());
  expect(retryAfterMs).toBeLessThanOrEqual(Date.parse(then) - before);
  expect(retryAfterMs).toBeGreaterThanOrEqual(Date.parse(then) - Date.now());
});

test('Retry-After of a 500 is ignored', async () => {
  const receiver = await receive(() => [500, { 'retry-after': '7' }]);
  expect((await post(receiver.url())).retryAfterMs).toBeNull();
});

test('an endless answer is read up to a limit, and its status counts', async () => {
  let written = 0;
  const receiver = await receive((_request, response) => {
    response.writeHead(200);
    const pour = setInterval(() => {
      written += 65_536;
      response.write('x'.repeat(65_536));
    }, 5);
    response.on('close', () => clearInterval(pour));
    return undefined;
  });
  expect(await post(receiver.url())).toMatchObject({ status: 200, error: null });
  expect(written).toBeLessThan(5_000_000);
});

test('an answer that stalls after its status also counts', async () => {
  const receiver = await receive((_request, response) => {
    response.writeHead(200).write('x');
    return undefined;
  });
  const wholeMs = 30_000;
  const { status, error, durationMs } = await post(receiver.url(), { bodyMs: 100, wholeMs });
  expect({ status, error }).toEqual({ status: 200, error: null });
  expect(durationMs).toBeLessThan(wholeMs);
});

test('a receiver that never answers, or never completes the TLS handshake, is a timeout', async () => {
  const receiver = await receive(silent);
  expect(await post(receiver.url(), { wholeMs: 200 })).toMatchObject({
    status: null,
    error: 'timeout',
  });
  const mute = createServer().listen(0, '127.0.0.1');
  await once(mute, 'listening');
  closers.push(async () => mute.close());
  const { port } = mute.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}/`;
  expect(await post(url, { connectMs: 200 })).toMatchObject({ status: null, error: 'timeout' });
});

test('a refused connection, an unknown name and a slow lookup are reported as different errors', async () => {
  const receiver = await startReceiver();
  await receiver.stop();
  expect(await post(receiver.url())).toMatchObject({ status: null, error: 'connection' });
  expect(await post('http://nobody.example/', { resolve: unknown })).toMatchObject({
    error: 'dns',
  });
  expect(await post('http://x.example/', { resolve: async () => [] })).toMatchObject({
    error: 'dns',
  });
  expect(await post('http://x.example/', { resolve: never, connectMs: 100 })).toMatchObject({
    error: 'timeout',
  });
});

test('an answer that is not HTTP is reported as badAnswer', async () => {
  const odd = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n\r\n'));
  odd.listen(0, '127.0.0.1');
  await once(odd, 'listening');
  closers.push(async () => odd.close());
  const { port } = odd.address() as AddressInfo;
  expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ error: 'badAnswer' });
});

test('an untrusted certificate, or a certificate of another host, is refused', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  const receiver = await receive(() => 204, { isTls: true });
  const resolve = toLoopback;
  const named = (host: string) => `https://${host}:${receiver.port}/`;
  expect(await post(named('hooks.example'), { resolve })).toMatchObject({ error: 'tls' });
  const ca = RECEIVER_CERTIFICATE;
  expect(await post(named('other.example'), { resolve, ca })).toMatchObject({ error: 'tls' });
  expect(receiver.received).toEqual([]);
  expect(await post(named('hooks.example'), { resolve, ca })).toMatchObject({ status: 204 });
  expect(receiver.received[0]?.headers.host).toBe(`hooks.example:${receiver.port}`);
});

/** Both ends of each private range, and private addresses of IPv4 within IPv6. */
const PRIVATE = [
  ['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0'],
  ['192.168.255.255', '169.254.0.0', '169.254.169.254', '169.254.255.255'],
  ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fe80::1'],
  ['::ffff:10.0.0.1', '::ffff:172.16.0.1', '::ffff:192.168.0.1', '::ffff:169.254.169.254'],
].flat();

test('loopback and private addresses are refused without a connection, also behind a name', async () => {
  const receiver = await receive();
  const refused = { status: null, error: 'blockedAddress' };
  const own = { allowPrivate: false };
  expect(await post(receiver.url(), own)).toMatchObject(refused);
  expect(await post(`https://127.0.0.1:${receiver.port}/`, own)).toMatchObject(refused);
  expect(await post(`https://[::ffff:127.0.0.1]:${receiver.port}/`, own)).toMatchObject(refused);
  const named = `https://hooks.example:${receiver.port}/`;
  const lists = [
    ['127.0.0.1'],
    ['127.0.0.1', '8.8.8.8'],
    ['8.8.8.8', '127.0.0.1'],
    ['::1'],
    ['64:ff9b::7f00:1'],
    ...PRIVATE.map((address) => [address]),
    ...PRIVATE.map((address) => ['8.8.8.8', address]),
  ];
  for (const list of lists) {
    expect(await post(named, { ...own, resolve: async () => list })).toMatchObject(refused);
  }
  for (const address of PRIVATE) {
    const host = address.includes(':') ? `[${address}]` : address;
    expect(await post(`https://${host}:${receiver.port}/`, own)).toMatchObject(refused);
  }
  expect(receiver.connections()).toBe(0);
});

const isAllowed = (address: string) => address === '127.0.0.1';

test('a request connects only to the address that was checked, also when DNS answers change', async () => {
  const first = await receive();
  const second = await receive(() => 204, { host: '127.0.0.2', port: first.port });
  const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.2'];
  const resolve = vi.fn<() => Promise<string[]>>(async () => [answers.shift() ?? '']);
  const url = `http://rebind.example:${first.port}/`;
  expect(await post(url, { isAllowed, resolve })).toMatchObject({ status: 204 });
  expect(resolve).toHaveBeenCalledTimes(1);
  expect(await post(url, { isAllowed, resolve })).toMatchObject({ error: 'blockedAddress' });
  expect(first.received).toHaveLength(1);
  expect(second.received).toEqual([]);
});

test('a proxy from the environment is not used', async () => {
  const proxy = await receive();
  for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy']) {
    vi.stubEnv(name, proxy.url(''));
  }
  vi.stubEnv('NODE_USE_ENV_PROXY', '1');
  const receiver = await receive();
  expect(await post(receiver.url())).toMatchObject({ status: 204 });
  expect(proxy.received).toEqual([]);
});

test('an aborted request is rejected as aborted', async () => {
  const receiver = await receive(() => undefined);
  const stop = new AbortController();
  const posted = createPost({ allowPrivate: true })(
    { url: receiver.url(), ...REQUEST },
    stop.signal,
  );
  setTimeout(() => stop.abort(), 100);
  await expect(posted).rejects.toThrow('abort');
});
