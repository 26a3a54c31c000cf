import { expect, test } from 'vitest';
import {
  changeOf,
  deletableOf,
  driftOf,
  isTyped,
  leftOutWordsOf,
} from '../../../../web/deletions/counts.ts';
import { callWordsOf, closeWordsOf, nextTryWordsOf } from '../../../../web/page/call-words.ts';
import { curlOf } from '../../../../web/page/curl.ts';
import { restoreWordsOf } from '../../../../web/restores/restore-words.ts';

test('the users that are deleted are those that match, without those under hold', () => {
  expect(deletableOf({ count: 12_431, held: 31 })).toBe(12_400);
});

test.each(['12400', '12,400', '12.400', "12'400", '12 400', ' 12400 '])(
  'the number may be typed as %j',
  (text) => expect(isTyped(text, 12_400)).toBe(true),
);

test.each(['', '1240', '124000', '012400', '-12400', 'all 12400', '12400 users'])(
  '%j is not the number',
  (text) => expect(isTyped(text, 12_400)).toBe(false),
);

test.each([
  [12_460, '12,431 → 12,460 (+29).', '29 more users match than you saw.'],
  [12_432, '12,431 → 12,432 (+1).', '1 more user matches than you saw.'],
  [12_400, '12,431 → 12,400 (−31).', '31 fewer users match than you saw.'],
])('a count that moves to %i is shown with both numbers', (count, numbers, words) => {
  const before = { count: 12_431, held: 31 };
  expect(driftOf(before, { count, held: 31 })).toEqual({ numbers, words });
});

test('users that come under hold are a change too, and the same counts are none', () => {
  const before = { count: 100, held: 3 };
  expect(driftOf(before, { count: 100, held: 5 })?.words).toBe('5 users are under legal hold now.');
  expect(driftOf(before, before)).toBeUndefined();
  expect(driftOf(undefined, before)).toBeUndefined();
});

test('a person looks again at a new preview and at another segment, also if the counts are the same', () => {
  const now = { count: 100, held: 3 };
  expect(changeOf(undefined, now)).toBeUndefined();
  expect(changeOf({ counts: now }, now)).toBeUndefined();
  expect(changeOf({ counts: now, isExpired: true }, now)).toMatchObject({
    title: 'A new preview.',
  });
  expect(changeOf({ isOtherSegment: true }, now)).toMatchObject({ title: 'Other users.' });
  expect(changeOf({ counts: now, isUnseen: true }, now)).toMatchObject({ title: 'Loaded again.' });
  const both = changeOf({ counts: { count: 90, held: 3 }, isOtherSegment: true }, now);
  expect(both?.title).toBe('90 → 100 (+10).');
  expect(both?.words).toMatch(
    /^10 more users match than you saw. Somebody has changed the segment/,
  );
});

test('the number of a list is compared with all that match; it says nothing about holds', () => {
  const seen = { count: 570, held: undefined };
  expect(driftOf(seen, { count: 880, held: 3 })?.numbers).toBe('570 → 880 (+310).');
  expect(driftOf(seen, { count: 570, held: 3 })).toBeUndefined();
});

test.each([
  [1, 3, '1 of the 3 users that you left out does not exist.'],
  [2, 3, '2 of the 3 users that you left out do not exist.'],
  [1, undefined, '1 of the users that were left out does not exist.'],
])(
  '%i missing of %s that were left out are named without a wrong number',
  (missing, all, words) => {
    expect(leftOutWordsOf(missing, all)).toBe(words);
  },
);

const words = (slug: string, isKeyed: boolean) => callWordsOf({ slug }, isKeyed);

test('without an answer, the words say what is known to have happened', () => {
  expect(words('temporal-unavailable', true)).toBe('Saved, not yet started.');
  expect(words('database-unavailable', true)).toBe('Not started yet: the database is away.');
  expect(words('unreachable', true)).toBe('No answer came: it may have started.');
  expect(words('no-answer', true)).toBe('No answer came: it may have started.');
  expect(words('unreachable', false)).toBe('Nothing was started: the server cannot be reached.');
  expect(words('database-unavailable', false)).toBe('Nothing was started: the database is away.');
  expect(nextTryWordsOf(5, false)).toBe('Trying again in 5 s.');
  expect(nextTryWordsOf(undefined, true)).toBe(
    'Trying again with the same key, so it cannot start twice.',
  );
});

test.each([
  ['unreachable', 'It may have started: look at the jobs.'],
  ['database-unavailable', 'Look at the jobs to be sure that it has not started.'],
])('closing after %s gives the request up, and the words say so', (slug, then) => {
  expect(closeWordsOf({ slug })).toBe(`If you close this, the request is not sent again. ${then}`);
});

test('a request as a command holds no key, and its text is one word of the shell', () => {
  const command = curlOf(
    { method: 'POST', path: '/v1/deletions', idempotencyKey: 'k1', body: { reason: "it's over" } },
    'https://keepsake.example',
  );
  expect(command).toBe(
    [
      "curl -X POST 'https://keepsake.example/v1/deletions'",
      '-H "Authorization: Bearer $KEY"',
      "-H 'Idempotency-Key: k1'",
      "-H 'Content-Type: application/json'",
      String.raw`-d '{"reason":"it'\''s over"}'`,
    ].join(' \\\n  '),
  );
});

test.each([
  [{ restorable: 12_388, present: 12 }, /byte for byte\. 12 are there again and are left alone\.$/],
  [{ restorable: 5, present: 1 }, /1 is there again and is left alone\.$/],
  [{ restorable: 5, present: 0 }, /^They come back as they were, byte for byte\.$/],
  [{ restorable: 0, present: 5 }, /^All of them are there again/],
])('a restore of %j says what comes back', (counts, words) => {
  expect(restoreWordsOf(counts)).toMatch(words);
});
