import { expect, test } from 'vitest';
import { sentRequests } from '../../../web/api/sent-request.ts';

/** A storage of a tab. */
const createStorage = () => {
  const items = new Map<string, string>();
  return {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, value),
    removeItem: (name: string) => void items.delete(name),
  };
};

test('a sent request is kept with the time at which it was first sent, until it is removed', () => {
  const storage = createStorage();
  const sent = sentRequests<{ id: number }>('delete:1', storage);
  expect(sent.read()).toBeUndefined();
  sent.keep({ id: 7 }, new Date('2026-01-01T10:00:00Z'));
  sent.keep({ id: 7 }, new Date('2026-01-01T10:05:00Z'));
  const kept = { body: { id: 7 }, sentAt: '2026-01-01T10:00:00.000Z' };
  expect(sentRequests('delete:1', storage).read()).toEqual(kept);
  expect(sentRequests('delete:2', storage).read()).toBeUndefined();
  sent.remove();
  expect(sent.read()).toBeUndefined();
});

test('a request that an older version of the console kept, without a time, is not offered', () => {
  const storage = createStorage();
  storage.setItem('keepsake-sent:delete:1', '{"previewId":"p-1"}');
  expect(sentRequests('delete:1', storage).read()).toBeUndefined();
});
