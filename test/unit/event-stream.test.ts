import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HEARTBEAT_MS, MAX_AGE_MS, openEventStream } from '../../api/jobs/event-stream.ts';
import { HEARTBEAT, PREAMBLE, type JobEvent } from '../../api/jobs/job-event.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });
});
afterEach(() => vi.useRealTimers());

const event = (id: string, isLast = false): JobEvent => ({ id, isLast, text: `<${id}>` });

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A reader that takes everything at once. */
const openQuick = (lastSeenId?: string) => {
  const onClose = vi.fn<() => void>();
  const stream = openEventStream(lastSeenId, onClose);
  const read: string[] = [];
  stream.readable.on('data', (chunk: Buffer) => read.push(String(chunk)));
  return { stream, read, onClose };
};

test('tells each state once, and ends after the last', async () => {
  const { stream, read, onClose } = openQuick();
  for (const id of ['a', 'a', 'b', 'b']) {
    stream.show(event(id));
    await turn();
  }
  stream.show(event('c', true));
  await once(stream.readable, 'close');
  stream.show(event('d'));
  expect(read.join('')).toBe(`${PREAMBLE}<a><b><c>`);
  expect(onClose).toHaveBeenCalledTimes(1);
});

test('what the reader saw on the connection before is not told again', async () => {
  const { stream, read } = openQuick('a');
  stream.show(event('a'));
  await turn();
  stream.show(event('b'));
  await turn();
  expect(read.join('')).toBe(`${PREAMBLE}<b>`);
  stream.end();
});

test('a slow reader gets the latest state and no queue of those before', async () => {
  const stream = openEventStream(undefined, () => {});
  const socket = new PassThrough({ highWaterMark: 1 });
  stream.readable.pipe(socket);
  for (let n = 0; n < 1_000; n++) {
    stream.show(event(String(n)));
    if (n % 100 === 0) await turn();
  }
  const waiting = stream.readable.readableLength + socket.readableLength + socket.writableLength;
  expect(waiting).toBeLessThan(100);
  let read = '';
  socket.on('data', (chunk: Buffer) => (read += String(chunk)));
  for (let n = 0; n < 10; n++) await turn();
  expect(read.endsWith('<999>')).toBe(true);
  expect(read.match(/<\d+>/g)!.length).toBeLessThan(10);
  stream.end();
});

test('a state that passed unseen and is over again is not told', async () => {
  const stream = openEventStream('a', () => {});
  stream.show(event('b'));
  stream.show(event('a'));
  const read: string[] = [];
  stream.readable.on('data', (chunk: Buffer) => read.push(String(chunk)));
  await turn();
  expect(read.join('')).toBe(PREAMBLE);
  stream.end();
});

test('says that it lives when the job does not move', async () => {
  const { stream, read } = openQuick();
  await turn();
  vi.advanceTimersByTime(HEARTBEAT_MS);
  await turn();
  vi.advanceTimersByTime(HEARTBEAT_MS);
  await turn();
  expect(read.join('')).toBe(PREAMBLE + HEARTBEAT + HEARTBEAT);
  stream.end();
});

test('heartbeats do not pile up for a reader that takes nothing', async () => {
  const stream = openEventStream(undefined, () => {});
  for (let n = 0; n < 20; n++) {
    vi.advanceTimersByTime(HEARTBEAT_MS);
    await turn();
  }
  expect(stream.readable.readableLength).toBe(PREAMBLE.length);
  stream.end();
});

test('ends in good order at its greatest age, and no timer is left', async () => {
  const { stream, onClose } = openQuick();
  const ended = once(stream.readable, 'end');
  await turn();
  vi.advanceTimersByTime(MAX_AGE_MS);
  await ended;
  await turn();
  expect(onClose).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('is cut off when it has to end and its reader takes nothing', async () => {
  const onClose = vi.fn<() => void>();
  const stream = openEventStream(undefined, onClose);
  stream.end();
  await turn();
  expect(stream.readable.destroyed).toBe(true);
  expect(onClose).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});
