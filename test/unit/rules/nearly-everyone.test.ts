import { expect, test } from 'vitest';
import { describeNearlyEveryone } from '../../../rules/nearly-everyone.ts';

const SINCE = '2026-01-02T10:00:00Z';

test.each([
  [
    0,
    null,
    'This deletion and those that are running would delete 960 of the 1,000 users of the workspace.',
  ],
  [
    0,
    SINCE,
    `This deletion and those that are running would delete 960 of the 1,000 users that existed at ${SINCE}.`,
  ],
  [
    30,
    null,
    'This deletion, those that are running and earlier ones would delete 990 of the 1,000 users of the workspace. 30 of them are deleted already.',
  ],
  [
    1,
    SINCE,
    `This deletion, those that are running and earlier ones would delete 961 of the 1,000 users that existed at ${SINCE}. 1 of them is deleted already.`,
  ],
])('a refusal counts all deletions, of the users at one time (%i, %s)', (taken, since, words) => {
  expect(describeNearlyEveryone({ taken, selected: 960, there: 1_000, since })).toBe(words);
});
