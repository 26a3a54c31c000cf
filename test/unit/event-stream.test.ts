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

/** A reader that reads every chunk at once. */
const openQuick = (lastSeenId?: string) => {
  const onClose = vi.fn<() => void>();
  const stream = openEventStream(lastSeenId, onClose);
  const read: string[] = [];
  stream.readable.on('data', (chunk: Buffer) => read.push(String(chunk)));
  return { stream, read, onClose };
};

test('a stream sends each state once, and ends after the last state', async () => {
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

test('a state that the reader got on its last connection is not sent again', async () => {
  const { stream, read } = openQuick('a');
  stream.show(event('a'));
  await turn();
  stream.show(event('b'));
  await turn();
  expect(read.join('')).toBe(`${PREAMBLE}<b>`);
  stream.end();
});

test('a slow reader gets the latest state, without a queue of earlier states', async () => {
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

test('a state that came and passed before the reader read is not sent', async () => {
  const stream = openEventStream('a', () => {});
  stream.show(event('b'));
  stream.show(event('a'));
  const read: string[] = [];
  stream.readable.on('data', (chunk: Buffer) => read.push(String(chunk)));
  await turn();
  expect(read.join('')).toBe(PREAMBLE);
  stream.end();
});

test('a stream sends heartbeats while the job does not change', async () => {
  const { stream, read } = openQuick();
  await turn();
  vi.advanceTimersByTime(HEARTBEAT_MS);
  await turn();
  vi.advanceTimersByTime(HEARTBEAT_MS);
  await turn();
  expect(read.join('')).toBe(PREAMBLE + HEARTBEAT + HEARTBEAT);
  stream.end();
});

test('heartbeats are not queued for a reader that reads nothing', async () => {
  const stream = openEventStream(undefined, () => {});
  for (let n = 0; n < 20; n++) {
    vi.advanceTimersByTime(HEARTBEAT_MS);
    await turn();
  }
  expect(stream.readable.readableLength).toBe(PREAMBLE.length);
  stream.end();
});

test('a stream ends normally at its maximum age, and leaves no timer', async () => {
  const { stream, onClose } = openQuick();
  const ended = once(stream.readable, 'end');
  await turn();
  vi.advanceTimersByTime(MAX_AGE_MS);
  await ended;
  await turn();
  expect(onClose).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('a stream is destroyed when it must end and its reader reads nothing', async () => {
  const onClose = vi.fn<() => void>();
  const stream = openEventStream(undefined, onClose);
  stream.end();
  await turn();
  expect(stream.readable.destroyed).toBe(true);
  expect(onClose).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});
