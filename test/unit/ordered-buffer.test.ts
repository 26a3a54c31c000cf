import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createOrderedBuffer } from '../../activities/exports/ordered-buffer.ts';

const never = new AbortController().signal;

test('items are returned by number, in any order of arrival', async () => {
  const queue = createOrderedBuffer<string>(9);
  const taken: string[] = [];
  const taking = (async () => {
    for (let index = 0; index < 4; index++) taken.push(await queue.take(index, never));
  })();
  for (const index of [2, 0, 3]) queue.put(index, `item ${index}`);
  await turn();
  expect(taken).toEqual(['item 0']);
  queue.put(1, 'item 1');
  await taking;
  expect(taken).toEqual(['item 0', 'item 1', 'item 2', 'item 3']);
});

test('a writer waits while the buffer is full, until an item is taken', async () => {
  const queue = createOrderedBuffer<number>(2);
  await queue.whenRoom(never);
  queue.put(0, 0);
  await queue.whenRoom(never);
  queue.put(1, 1);
  let hasRoom = false;
  const waiting = queue.whenRoom(never).then(() => (hasRoom = true));
  await turn();
  expect(hasRoom).toBe(false);
  await queue.take(0, never);
  await waiting;
  expect(hasRoom).toBe(true);
});

test('a signal ends all waits for items or room', async () => {
  const queue = createOrderedBuffer<number>(1);
  queue.put(1, 1);
  const stop = new AbortController();
  const waiting = [queue.take(0, stop.signal), queue.whenRoom(stop.signal)];
  stop.abort(new Error('stopped'));
  for (const one of waiting) await expect(one).rejects.toMatchObject({ name: 'AbortError' });
  await expect(queue.take(1, stop.signal)).rejects.toThrow('stopped');
});
