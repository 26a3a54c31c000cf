import { expect, test } from 'vitest';
import {
  isFirst,
  type Place,
  placeBefore,
  trailAfter,
  usersBefore,
} from '../../../../web/users/page-trail.ts';

const FIRST: Place = { after: undefined, trail: [], prevCursor: null, isEmpty: false };

test('the way forward counts the users, and leads back', () => {
  const second: Place = {
    after: 'b',
    trail: trailAfter(FIRST, 50),
    prevCursor: 'p',
    isEmpty: false,
  };
  const third: Place = {
    after: 'c',
    trail: trailAfter(second, 50),
    prevCursor: 'q',
    isEmpty: false,
  };
  expect([FIRST, second, third].map(usersBefore)).toEqual([0, 50, 100]);
  expect(placeBefore(third)).toEqual({ after: 'b', trail: second.trail });
  expect(placeBefore(second)).toEqual({ after: undefined, trail: [] });
});

test('a page from a link has no known place, and the API gives the page before', () => {
  const linked: Place = { after: 'x', trail: [], prevCursor: 'p', isEmpty: false };
  expect(usersBefore(linked)).toBeUndefined();
  expect(placeBefore(linked)).toEqual({ after: 'p', trail: [] });
  expect(
    usersBefore({ after: 'y', trail: trailAfter(linked, 50), prevCursor: 'q', isEmpty: false }),
  ).toBeUndefined();
  expect(placeBefore({ ...linked, prevCursor: undefined })).toEqual({
    after: undefined,
    trail: [],
  });
});

test('a page without one before is the first, however it was reached', () => {
  const back: Place = { after: 'p', trail: [], prevCursor: null, isEmpty: false };
  expect(isFirst(back)).toBe(true);
  expect(usersBefore(back)).toBe(0);
  // It may be shorter than the other pages: nobody counts pages.
  expect(
    usersBefore({ after: 'n', trail: trailAfter(back, 20), prevCursor: 'p', isEmpty: false }),
  ).toBe(20);
});

test('an empty page after others has a way back, and is not the first', () => {
  const trail = trailAfter(FIRST, 50);
  for (const prevCursor of ['p', null]) {
    const empty: Place = { after: 'b', trail, prevCursor, isEmpty: true };
    expect(isFirst(empty)).toBe(false);
    expect(placeBefore(empty)).toEqual({ after: undefined, trail: [] });
    expect(placeBefore({ ...empty, trail: [] }).after).toBe(prevCursor ?? undefined);
  }
  expect(isFirst({ after: undefined, trail: [], prevCursor: null, isEmpty: true })).toBe(true);
});
