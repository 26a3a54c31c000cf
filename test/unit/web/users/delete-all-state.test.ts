import { expect, test } from 'vitest';
import { deleteAllStateOf } from '../../../../web/users/delete-all-state.ts';

const APPROVED = { enabled: true, until: '2026-12-03T10:00:00Z', requestId: 'r-1' };
const meWith = (
  deleteAll: typeof APPROVED | { enabled: false; until: null; requestId: null } | null,
) => ({
  features: { deleteAll },
});

test('nothing is stated before the answer, or while it cannot be read again', () => {
  expect(deleteAllStateOf(undefined, false)).toEqual({ status: 'unknown' });
  expect(deleteAllStateOf(undefined, true)).toEqual({ status: 'unknown' });
  expect(deleteAllStateOf(meWith(APPROVED), true)).toEqual({ status: 'unknown' });
});

test('an approved request is open, and anything else is locked', () => {
  const { until, requestId } = APPROVED;
  expect(deleteAllStateOf(meWith(APPROVED), false)).toEqual({ status: 'open', until, requestId });
  const locked = { enabled: false, until: null, requestId: null } as const;
  expect(deleteAllStateOf(meWith(locked), false)).toEqual({ status: 'locked' });
  expect(deleteAllStateOf(meWith(null), false)).toEqual({ status: 'locked' });
});
