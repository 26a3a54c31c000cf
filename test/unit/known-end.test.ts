import { expect, test } from 'vitest';
import { knownEnd } from '../../activities/failure-types.ts';
import { mayRetryAfter } from '../../db/jobs/retries.ts';

const failed = (type: string) => ({ kind: 'failed', type, message: 'a message' }) as const;

test('an end of an earlier version has the present name of its type', () => {
  expect(knownEnd(failed('delete-all-required'))).toEqual(failed('deleteAllRequired'));
});

test('only an end with a known type is kept', () => {
  expect(knownEnd(failed('storageFull'))).toEqual(failed('storageFull'));
  expect(knownEnd({ kind: 'cancelled' })).toEqual({ kind: 'cancelled' });
  for (const type of ['made-up', 'constructor']) {
    expect(knownEnd(failed(type))).toMatchObject({ kind: 'failed', type: 'brokenOff' });
  }
});

test('a deletion of nearly everyone is not retried, by the old or the new name', () => {
  expect(['deleteAllRequired', 'delete-all-required'].map(mayRetryAfter)).toEqual([false, false]);
});

test('only whole sets of numbers of the type are kept as data', () => {
  const end = (data: unknown) =>
    knownEnd({ ...failed('selectionChanged'), data } as Parameters<typeof knownEnd>[0]);
  const data = { confirmed: 1, found: 2 };
  expect(end(data)).toEqual({ ...failed('selectionChanged'), data });
  expect(end({ ...data, name: 'ada@example.com' })).toEqual({
    ...failed('selectionChanged'),
    data,
  });
  for (const other of [{ confirmed: 1 }, { confirmed: 1, found: 'ada' }, 'text', null, [1, 2]]) {
    expect(end(other)).toEqual(failed('selectionChanged'));
  }
  const full = { ...failed('storageFull'), data };
  expect(knownEnd(full)).toEqual(failed('storageFull'));
  expect(knownEnd({ ...failed('made-up'), data })).not.toHaveProperty('data');
});
