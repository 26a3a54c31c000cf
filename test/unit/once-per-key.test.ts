import { expect, test } from 'vitest';
import { oncePerKey } from '../../api/http/idempotency.ts';
import { problem } from '../../api/http/problems.ts';

const WANTED = { key: 'k', requestHash: 'same' };
const used = problem('wrong-state', 'This preview was already confirmed.');

/** Each lookup answers the next of these rows. */
const lookup = (...rows: (string | undefined)[]) => ({
  find: () => {
    const hash = rows.shift();
    return Promise.resolve(hash === undefined ? undefined : { id: 'first', request_hash: hash });
  },
  usedFor: ({ id }: { id: string }) => `job ${id} by another request`,
});

test('a request whose twin came first after the lookup returns the row of the twin', async () => {
  const row = { id: 'first', request_hash: 'same' };
  const taken = { ...lookup(undefined, 'same'), write: () => Promise.resolve(undefined) };
  expect(await oncePerKey(WANTED, taken)).toEqual(row);
  const goneList = Object.assign(new Error('the list was removed'), { code: 'KS006' });
  for (const refusal of [used, goneList]) {
    const refused = { ...lookup(undefined, 'same'), write: () => Promise.reject(refusal) };
    expect(await oncePerKey(WANTED, refused)).toEqual(row);
  }
});

test('a refusal stands if no other request with the key was carried out', async () => {
  const write = () => Promise.reject(used);
  await expect(oncePerKey(WANTED, { ...lookup(), write })).rejects.toBe(used);
  await expect(oncePerKey(undefined, { ...lookup('same'), write })).rejects.toBe(used);
});

test('a key that another request used meanwhile is refused, and other errors are thrown as they are', async () => {
  const refused = { ...lookup(undefined, 'other'), write: () => Promise.reject(used) };
  await expect(oncePerKey(WANTED, refused)).rejects.toThrow('job first by another request');
  const broken = Object.assign(new Error('connection lost'), { code: '57P01' });
  const lost = { ...lookup(undefined, 'same'), write: () => Promise.reject(broken) };
  await expect(oncePerKey(WANTED, lost)).rejects.toBe(broken);
});
