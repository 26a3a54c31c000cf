import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import type * as Limits from '../../../api/http/limits.ts';
import {
  BOUNDARY,
  filePart,
  formOf,
  optionsPart,
  partHead,
  upload,
  uploadList,
} from '../../support/http/multipart.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { useApi } from '../support.ts';
import { waitFor } from '../../support/wait.ts';

const MIB = 1024 * 1024;
const MAX_FILE_BYTES = 300 * MIB;
const LARGE_FILE_BYTES = 256 * MIB;
const MAX_GROWTH_BYTES = 128 * MIB;
/** The bytes of an unread upload that kernel, sockets and streams buffer. */
const MAX_IN_FLIGHT_BYTES = 32 * MIB;

// With the real limits, these tests would wait for minutes and send gigabytes. With a much shorter
// time, a busy machine would be too slow for good uploads.
const { BODY_TIMEOUT_MS } = vi.hoisted(() => ({ BODY_TIMEOUT_MS: 6_000 }));
vi.mock('../../../api/http/limits.ts', async (original) => ({
  ...(await original<typeof Limits>()),
  IMPORT_MAX_BYTES: 300 * 1024 * 1024,
  MAX_UPLOADS_AT_ONCE: 2,
  BODY_TIMEOUT_MS,
  UPLOAD_MIN_BYTES: 100,
}));

const api = useApi();
let port = 0;

beforeAll(async () => {
  const { app } = api();
  await app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = app.server.address() as AddressInfo);
});

const open = new Set<Socket>();

afterEach(() => {
  vi.restoreAllMocks();
  for (const socket of open) socket.destroy();
  open.clear();
});

const files = () => api().storage.list('imports');

const jobCount = async (): Promise<number> => {
  const { rows } = await api().database.owner.pool.query('SELECT count(*)::int AS n FROM jobs');
  return rows[0].n;
};

/** Begins an upload: sends its head and the start of its file. */
const begin = async (fileStart: string, headers: Record<string, string> = {}) => {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  open.add(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += String(chunk)));
  // `once` would reject on an error: a byte that is sent after the answer may reach a closed
  // connection.
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
  const head = [
    'POST /v1/imports HTTP/1.1',
    'host: here',
    `authorization: Bearer ${api().keys.one}`,
    `content-type: multipart/form-data; boundary=${BOUNDARY}`,
    'transfer-encoding: chunked',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '\r\n',
  ].join('\r\n');
  socket.write(head);
  const send = (text: string | Buffer): boolean => {
    socket.write(`${Buffer.byteLength(text).toString(16)}\r\n`);
    socket.write(text);
    return socket.write('\r\n');
  };
  send(formOf([optionsPart()]).toString().replace(`--${BOUNDARY}--\r\n`, ''));
  send(partHead(filePart()) + fileStart);
  return { socket, send, ended, answer: () => answer };
};

const finish = ({ send, socket }: Awaited<ReturnType<typeof begin>>): void => {
  send(`\r\n--${BOUNDARY}--\r\n`);
  socket.write('0\r\n\r\n');
};

/**
 * Sends up to this many bytes as fast as they are accepted; @returns how many it sent. It gives up
 * once nothing is accepted for `stuckMs`.
 */
const pour = async (
  { send, socket, answer }: Awaited<ReturnType<typeof begin>>,
  bytes: number,
  { onChunk = () => {}, stuckMs = PATIENCE_MS }: { onChunk?: () => void; stuckMs?: number } = {},
): Promise<number> => {
  const chunk = Buffer.alloc(MIB, 'userNNNNN,Ada\n');
  let sent = 0;
  for (; sent < bytes && socket.writable && answer() === ''; sent += chunk.length) {
    onChunk();
    if (send(chunk)) continue;
    const stop = new AbortController();
    const isStuck = await Promise.race([
      once(socket, 'drain', { signal: stop.signal }).then(
        () => false,
        () => false,
      ),
      once(socket, 'close', { signal: stop.signal }).then(
        () => false,
        () => false,
      ),
      sleep(stuckMs, true, { signal: stop.signal }).catch(() => false),
    ]);
    stop.abort();
    if (isStuck) return sent;
  }
  return sent;
};

const until = async (isSo: () => boolean): Promise<void> => {
  await waitFor(() => expect(isSo()).toBe(true), 10);
};

/** Waits until the first part of an upload is stored. */
const partialStored = () =>
  waitFor(async () => expect((await files()).join()).toContain('.partial'));

test('a large file is streamed to storage and not held in memory', async () => {
  const sending = await begin('userId,firstName\n');
  await pour(sending, 16 * MIB);
  const before = process.memoryUsage().rss;
  let most = before;
  const onChunk = () => {
    most = Math.max(most, process.memoryUsage().rss);
  };
  await pour(sending, LARGE_FILE_BYTES, { onChunk });
  finish(sending);
  await until(() => sending.answer().includes('\r\n\r\n{'));
  expect(sending.answer()).toMatch(/^HTTP\/1\.1 202/);
  sending.socket.destroy();
  expect(most - before).toBeLessThan(MAX_GROWTH_BYTES);
  const job = JSON.parse(sending.answer().split('\r\n\r\n')[1] ?? '') as {
    result: { bytes: number };
  };
  expect(job.result.bytes).toBe(LARGE_FILE_BYTES + 16 * MIB + 'userId,firstName\n'.length);
});

test.each([
  ['an Excel workbook', Buffer.from('PK\x03\x04[Content_Types].xml'), 'Excel workbook'],
  ['JSON', Buffer.from('[{"userId":"1"},'), 'JSON'],
  ['gzip in gzip', gzipSync(gzipSync('userId\n1\n')), 'gzip twice'],
])('%s is refused during the upload', async (_what, content, told) => {
  const kept = await files();
  const sending = await begin('');
  sending.send(content);
  sending.send(Buffer.alloc(MIB));
  await until(() => sending.answer().includes(told));
  expect(sending.answer()).toMatch(/^HTTP\/1\.1 422/);
  expect(sending.answer()).toContain('"pointer":"/file"');
  sending.socket.destroy();
  await waitFor(async () => expect(await files()).toEqual(kept));
});

test('a slow storage limits how much a client can send', async () => {
  let taken: Readable | undefined;
  vi.spyOn(api().storage, 'put').mockImplementation(async (_key, content) => {
    taken = content;
    await once(content, 'close');
  });
  const sending = await begin('userId\n');
  const sent = await pour(sending, LARGE_FILE_BYTES, { stuckMs: BODY_TIMEOUT_MS + 500 });
  expect(taken).toBeDefined();
  expect(sent).toBeLessThan(MAX_IN_FLIGHT_BYTES);
  // The storage is slow, not the client: the API does not end the upload.
  expect(sending.answer()).toBe('');
  sending.socket.destroy();
  // The API notices the closed connection only when it reads from it.
  taken?.resume();
  await until(() => taken?.destroyed === true);
});

test('a client that disconnects during an upload leaves no file and no job', async () => {
  const before = { files: await files(), jobs: await jobCount() };
  for (const fileStart of ['u', 'userId\n', `userId\n${'1\n'.repeat(100_000)}`]) {
    const sending = await begin(fileStart);
    await partialStored();
    sending.socket.destroy();
    await waitFor(async () => expect(await files()).toEqual(before.files));
  }
  expect(await jobCount()).toBe(before.jobs);
});

test('a client that stops, or sends too slowly, gets 408 and leaves no file and no job', async () => {
  const before = { files: await files(), jobs: await jobCount() };
  const quiet = await begin('userId\n');
  await quiet.ended;
  expect(quiet.answer()).toMatch(/^HTTP\/1\.1 408[^]*\/problems\/request-timeout/);
  const dripping = await begin('userId\n');
  const drip = (async () => {
    while (dripping.socket.writable && dripping.answer() === '') {
      dripping.send('1');
      await sleep(BODY_TIMEOUT_MS / 10);
    }
  })();
  await dripping.ended;
  await drip;
  expect(dripping.answer()).toMatch(/^HTTP\/1\.1 408/);
  await waitFor(async () => expect(await files()).toEqual(before.files));
  expect(await jobCount()).toBe(before.jobs);
});

test('a client that keeps sending may take longer than the time limit of other bodies', async () => {
  const sending = await begin('userId\n');
  const beganAt = process.hrtime.bigint();
  let line = 0;
  while (process.hrtime.bigint() - beganAt < BigInt(4 * BODY_TIMEOUT_MS) * 1_000_000n) {
    sending.send(`${'0'.repeat(100)}${line++}\n`);
    await sleep(BODY_TIMEOUT_MS / 20);
  }
  finish(sending);
  await until(() => sending.answer().includes('\r\n\r\n{'));
  expect(sending.answer()).toMatch(/^HTTP\/1\.1 202/);
  sending.socket.destroy();
});

test('a file that is too large by its content-length is refused at once, and any other at the limit', async () => {
  const before = { files: await files(), jobs: await jobCount() };
  const told = await fetch(`http://127.0.0.1:${port}/v1/imports`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${api().keys.one}`,
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    },
    body: Buffer.alloc(MAX_FILE_BYTES + MIB),
  });
  expect(told.status).toBe(413);
  for (const start of ['userId\n', `userId\n\r\n--${BOUNDARY}--\r\n`]) {
    const sending = await begin(start);
    await pour(sending, MAX_FILE_BYTES + 8 * MIB);
    await until(() => sending.answer().includes('\r\n\r\n{'));
    expect(sending.answer()).toMatch(/^HTTP\/1\.1 413[^]*\/problems\/body-too-large/);
    sending.socket.destroy();
  }
  expect({ files: await files(), jobs: await jobCount() }).toEqual(before);
});

test('a refusal is answered while the client still sends', async () => {
  const form = formOf([optionsPart({ mode: 'wrong' }), filePart(Buffer.alloc(64 * MIB, 'x'))]);
  const answer = await fetch(`http://127.0.0.1:${port}/v1/imports`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${api().keys.one}`,
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    },
    body: form,
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ errors: [{ pointer: '/options/mode' }] });
});

test('an upload beyond the limit is refused as busy, and is accepted after another upload has ended', async () => {
  vi.spyOn(api().storage, 'put').mockImplementation(async (_key, content) => {
    await once(content.resume(), 'close');
    throw new Error('broken off');
  });
  const sending = [await begin('userId\n'), await begin('userId\n')];
  const drip = setInterval(() => {
    for (const one of sending) one.send(`${'0'.repeat(100)}\n`);
  }, BODY_TIMEOUT_MS / 10);
  await until(() => vi.mocked(api().storage.put).mock.calls.length === 2);
  const answer = await upload(api());
  expect(answer.body).toMatchObject({ status: 503, type: '/problems/busy' });
  const list = await uploadList(api(), 'userId\nu-1\n');
  expect(list.body).toMatchObject({ status: 503, type: '/problems/busy' });
  vi.restoreAllMocks();
  clearInterval(drip);
  for (const { socket } of sending) socket.destroy();
  await waitFor(async () => expect((await upload(api())).status).toBe(202));
});

test('the API does not wait for a running upload when it closes', async () => {
  const before = { files: await files(), jobs: await jobCount() };
  const sending = await begin('userId\n');
  await partialStored();
  const keepAlive = setInterval(() => {
    if (sending.socket.writable) sending.send('0'.repeat(100));
  }, BODY_TIMEOUT_MS / 10);
  await api().app.close();
  clearInterval(keepAlive);
  await until(() => sending.answer() !== '' || sending.socket.destroyed);
  expect(sending.answer()).toMatch(/^(?:$|HTTP\/1\.1 503)/);
  expect(await files()).toEqual(before.files);
  sending.socket.destroy();
});
