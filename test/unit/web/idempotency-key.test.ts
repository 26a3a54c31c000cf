import { expect, test } from 'vitest';
import { openIdempotencyKey } from '../../../web/api/idempotency-key.ts';

const createStorage = () => {
  const values = new Map<string, string>();
  return {
    getItem: (name: string) => values.get(name) ?? null,
    setItem: (name: string, value: string) => void values.set(name, value),
    removeItem: (name: string) => void values.delete(name),
  };
};

test('a key is 32 hexadecimal characters, and stays the same until its request is answered', () => {
  const storage = createStorage();
  const first = openIdempotencyKey('delete:1', storage);
  expect(first.value).toMatch(/^[0-9a-f]{32}$/);
  // As after a reload, or in a second dialog.
  expect(openIdempotencyKey('delete:1', storage).value).toBe(first.value);
  first.end();
  expect(openIdempotencyKey('delete:1', storage).value).not.toBe(first.value);
});

test('two purposes have two keys', () => {
  const storage = createStorage();
  const one = openIdempotencyKey('delete:1', storage);
  expect(openIdempotencyKey('delete:2', storage).value).not.toBe(one.value);
});
