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
