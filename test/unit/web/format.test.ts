import { expect, test } from 'vitest';
import { countOf, formatCount, formatShare } from '../../../web/format/numbers.ts';
import { formatRelative, formatTime } from '../../../web/format/timestamps.ts';

test('counts and shares are written as in English, with a thin choice of forms', () => {
  expect(formatCount(1_234_567)).toBe('1,234,567');
  expect([0, 0.42, 0.012, 1].map(formatShare)).toEqual(['0 %', '42 %', '1.2 %', '100 %']);
  expect([countOf(1, 'user'), countOf(12_431, 'user')]).toEqual(['1 user', '12,431 users']);
  expect(countOf(2, 'running', 'running')).toBe('2 running');
});

test.each([
  ['Europe/Paris', '28 Dec 2026, 14:05 CET'],
  ['UTC', '28 Dec 2026, 13:05 UTC'],
  ['Asia/Kolkata', '28 Dec 2026, 18:35 GMT+5:30'],
])('a time in %s names its zone', (zone, text) => {
  expect(formatTime(new Date('2026-12-28T13:05:30Z'), zone)).toBe(text);
});

test.each([
  ['2026-12-31T13:05:00Z', 'in 3 days'],
  ['2026-12-28T11:04:00Z', '2 hours ago'],
  ['2026-12-27T13:05:00Z', 'yesterday'],
  ['2026-12-28T13:05:40Z', 'now'],
  ['2027-02-28T13:05:00Z', 'in 2 months'],
])('%s is %s', (at, text) => {
  expect(formatRelative(new Date(at), new Date('2026-12-28T13:05:00Z'))).toBe(text);
});
