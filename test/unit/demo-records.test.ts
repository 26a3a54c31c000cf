import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { differing, gzippedCsv, recordsIn } from '../../local/demo/demo-records.ts';

const USERS = 5_000;
const users = Array.from({ length: USERS }, (_, index) => ({
  userId: `user-${index}`,
  name: index % 7 === 0 ? `Ada, "the ${index}th"\nof her name` : `Ada ${index}`,
  city: 'Kyōto',
}));
const records = new Map(users.map((user) => [user.userId, user]));

/** The number of turns of the event loop while a task is awaited. */
const turnsDuring = async (work: () => Promise<unknown>): Promise<number> => {
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isDone = true;
  return turns;
};

test('records that are written as CSV are read back unchanged', async () => {
  const file = gunzipSync(await gzippedCsv(records));
  expect(await recordsIn(file, 'userId')).toEqual(records);
});

test('differing records are named by id, by the columns that are compared', async () => {
  const others = new Map(records);
  others.set('user-3', { ...users[3]!, city: 'Ōsaka' });
  others.delete('user-4');
  expect(await differing(records, others)).toEqual(['user-3', 'user-4']);
  expect(await differing(records, others, ['city'])).toEqual(['user-4']);
});

test('a file without the id column, or with malformed CSV, is an error', async () => {
  await expect(recordsIn(Buffer.from('a,b\n1,2\n'), 'userId')).rejects.toThrow('no column userId');
  await expect(recordsIn(Buffer.from('userId\n"open'), 'userId')).rejects.toThrow(/quote/i);
});

test('reading, comparing and writing a long file let the event loop handle signals', async () => {
  const file = gunzipSync(await gzippedCsv(records));
  expect(await turnsDuring(() => recordsIn(file, 'userId'))).toBeGreaterThan(2);
  expect(await turnsDuring(() => differing(records, records))).toBeGreaterThan(3);
  expect(await turnsDuring(() => gzippedCsv(records))).toBeGreaterThan(3);
});
