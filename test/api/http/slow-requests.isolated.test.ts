import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test, vi } from 'vitest';
import type * as Limits from '../../../api/http/limits.ts';
import { useApi } from '../support.ts';

// With the real limits, these tests would wait for minutes. With much shorter ones, a busy machine
// would be too slow for good requests.
const SHORT = vi.hoisted(() => ({
  HEADERS_TIMEOUT_MS: 3_000,
  CONNECTION_CHECK_MS: 50,
  BODY_TIMEOUT_MS: 6_000,
}));
vi.mock('../../../api/http/limits.ts', async (original) => ({
  ...(await original<typeof Limits>()),
  ...SHORT,
}));

const MIB = 1024 * 1024;
/** A server that accepts this many mebibytes has no limit. */
const MAX_SENT = 200;

const api = useApi();
let port = 0;

beforeAll(async () => {
  const { app } = api();
  await app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = app.server.address() as AddressInfo);
});

/** Opens a connection; `answer` returns all that the server sends on it. */
const dial = async () => {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += String(chunk)));
  // `once` would reject on an error: a byte that is sent after the answer may reach a closed
  // connection.
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
  return { socket, answer: async () => ended.then(() => text) };
};

const head = (method: string, url: string, headers: Record<string, string>): string =>
  [
    `${method} ${url} HTTP/1.1`,
    'host: here',
    `authorization: Bearer ${api().keys.one}`,
    'content-type: application/json',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '\r\n',
  ].join('\r\n');

const BYTE_PAUSE_MS = 20;

/** Sends byte by byte, for as long as the other side accepts bytes. */
const trickle = async (socket: Socket, text: string): Promise<void> => {
  for (const byte of text) {
    if (!socket.writable) return;
    socket.write(byte);
    await sleep(BYTE_PAUSE_MS);
  }
};

const post = async (headers: Record<string, string>, body: Buffer | string): Promise<string> => {
  const { socket, answer } = await dial();
  socket.write(head('POST', '/v1/deletion-previews', { connection: 'close', ...headers }));
  socket.write(body);
  const text = await answer();
  socket.destroy();
  return text;
};

const problemOf = (answer: string) => {
  const [heading = '', body = ''] = answer.split('\r\n\r\n');
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(heading)?.[1]),
    contentType: /^content-type: (.*)$/im.exec(heading)?.[1],
    ...(JSON.parse(body) as { type: string; requestId: string }),
  };
};

const timedOut = {
  status: 408,
  contentType: 'application/problem+json; charset=utf-8',
  type: '/problems/request-timeout',
};

test('a client that sends headers byte by byte gets 408, and other requests are answered meanwhile', async () => {
  const slow = await Promise.all(Array.from({ length: 50 }, dial));
  const text = `GET /healthz HTTP/1.1\r\nhost: here\r\nx: ${'y'.repeat(10_000)}`;
  const trickling = slow.map(({ socket }) => trickle(socket, text));
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  for (const { answer } of slow) expect(problemOf(await answer())).toMatchObject(timedOut);
  await Promise.all(trickling);
});

test('a connection that sends nothing is answered with 408 and closed', async () => {
  const { answer } = await dial();
  expect(problemOf(await answer())).toMatchObject(timedOut);
});

test('a body that arrives byte by byte, or stops, is refused with 408 and changes nothing', async () => {
  const { socket, answer } = await dial();
  socket.write(head('POST', '/v1/users', { 'content-length': '10000' }));
  const trickling = trickle(socket, `{"userId": "slow", "firstName": "${'x'.repeat(10_000)}`);
  const stalled = await dial();
  stalled.socket.write(head('POST', '/v1/users', { 'transfer-encoding': 'chunked' }));
  stalled.socket.write('12\r\n{"userId": "slow"}\r\n');
  expect(problemOf(await answer())).toMatchObject(timedOut);
  expect(problemOf(await stalled.answer())).toMatchObject(timedOut);
  await trickling;
  expect((await api().call('GET', '/v1/users/slow')).status).toBe(404);
});

test('a client that still sends after the time limit gets the problem as soon as it reads', async () => {
  const { socket, answer } = await dial();
  socket.pause();
  socket.write(head('POST', '/v1/users', { 'content-length': '10000' }));
  // Past the limit, the last bytes arrive on a connection that is answered and about to close: it
  // stays open for a second.
  const endMs = performance.now() + SHORT.BODY_TIMEOUT_MS + 400;
  while (performance.now() < endMs) {
    socket.write(' ');
    await sleep(BYTE_PAUSE_MS);
  }
  socket.resume();
  expect(problemOf(await answer())).toMatchObject(timedOut);
  socket.destroy();
});

test('a body that is too large by its content-length is refused before the body is read', async () => {
  const { socket, answer } = await dial();
  const headers = { 'content-length': String(1024 ** 4), connection: 'close' };
  socket.write(head('POST', '/v1/deletion-previews', headers));
  expect(problemOf(await answer())).toMatchObject({
    status: 413,
    type: '/problems/body-too-large',
  });
});

test('a chunked body is refused at the limit, and the rest is not kept in memory', async () => {
  const { socket, answer } = await dial();
  socket.write(head('POST', '/v1/deletions', { 'transfer-encoding': 'chunked' }));
  const chunk = Buffer.alloc(MIB, ' ');
  const answered = answer();
  const before = process.memoryUsage().arrayBuffers;
  let sent = 0;
  for (; !socket.readableEnded && !socket.destroyed && sent < MAX_SENT; sent++) {
    socket.write(`${chunk.length.toString(16)}\r\n`);
    const isTaken = socket.write(Buffer.concat([chunk, Buffer.from('\r\n')]));
    if (!isTaken) await Promise.race([once(socket, 'drain'), answered]);
  }
  expect(problemOf(await answered)).toMatchObject({ status: 413 });
  expect(sent).toBeLessThan(MAX_SENT);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
  socket.destroy();
});

test('a gzip bomb is refused and not decompressed', async () => {
  // The size does not matter: it is refused before it is read.
  const bomb = gzipSync(Buffer.alloc(32 * MIB, '['));
  expect(bomb.length).toBeLessThan(MIB);
  const answer = await post(
    { 'content-encoding': 'gzip', 'content-length': String(bomb.length) },
    bomb,
  );
  expect(problemOf(answer)).toMatchObject({
    status: 415,
    type: '/problems/unsupported-media-type',
  });
  expect(answer).toMatch(/^accept-encoding: identity$/im);
  const plain = JSON.stringify({ nonsense: true });
  const identity = await post(
    { 'content-encoding': 'identity', 'content-length': String(plain.length) },
    plain,
  );
  expect(problemOf(identity)).toMatchObject({ status: 400, type: '/problems/invalid-request' });
});

test('each malformed HTTP request is answered with a problem', async () => {
  const length = { 'content-length': '5' };
  const cases = [
    { text: 'NONSENSE\r\n\r\n', status: 400 },
    { text: 'GET / HTTP/1.1\r\nhost: here\r\nx\0: y\r\n\r\n', status: 400 },
    { text: `GET /${'x'.repeat(70_000)} HTTP/1.1\r\nhost: here\r\n\r\n`, status: 431 },
    { text: `GET / HTTP/1.1\r\nhost: here\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, status: 431 },
    {
      text: `${head('POST', '/v1/users', { ...length, 'transfer-encoding': 'chunked' })}{}`,
      status: 400,
    },
    { text: `${head('POST', '/v1/users', { 'content-length': '-1' })}{}`, status: 400 },
    {
      text: `${head('POST', '/v1/users', { 'transfer-encoding': 'chunked' })}zz\r\n{}\r\n`,
      status: 400,
    },
    {
      text: `${head('POST', '/v1/users', { 'transfer-encoding': 'chunked' })}2;${'e'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
      status: 413,
    },
  ];
  for (const { text, status } of cases) {
    const { socket, answer } = await dial();
    socket.write(text);
    const told = problemOf(await answer());
    expect({ text: text.slice(0, 200), status: told.status }).toMatchObject({ status });
    expect(told.contentType).toBe('application/problem+json; charset=utf-8');
    expect(told.requestId).toMatch(/^[0-9a-f-]{36}$/);
    socket.destroy();
  }
});

test('a body that is longer or shorter than its content-length is not accepted', async () => {
  const short = await dial();
  short.socket.write(head('POST', '/v1/users', { 'content-length': '30' }));
  short.socket.end('{"userId": "short"}');
  await short.answer();
  const body = '{"userId": "long"}';
  const { socket, answer } = await dial();
  socket.write(head('POST', '/v1/users', { 'content-length': String(body.length - 1) }));
  socket.write(body);
  expect(await answer()).toMatch(/^HTTP\/1\.1 400/);
  for (const id of ['short', 'long']) {
    expect((await api().call('GET', `/v1/users/${id}`)).status).toBe(404);
  }
});
