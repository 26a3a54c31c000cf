import { expect, test } from 'vitest';
import { formatBytes } from '../../../web/format/bytes.ts';
import {
  formatClock,
  formatDuration,
  formatLength,
  formatRest,
  secondsBetween,
} from '../../../web/format/durations.ts';
import { countOf, formatCount, formatShare } from '../../../web/format/numbers.ts';
import { formatRelative, formatTime, zoneOf } from '../../../web/format/timestamps.ts';

test('counts and shares are written as in English, with a thin choice of forms', () => {
  expect(formatCount(1_234_567)).toBe('1,234,567');
  expect([0, 0.000_1, 0.42, 0.012, 1].map(formatShare)).toEqual([
    '0 %',
    '< 0.1 %',
    '42 %',
    '1.2 %',
    '100 %',
  ]);
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

test('a length of time is written as on a clock, and a rest in one unit', () => {
  expect([0, 9.9, 750, 3_723].map(formatClock)).toEqual(['0:00', '0:09', '12:30', '1:02:03']);
  expect([0.4, 9].map(formatDuration)).toEqual(['< 0:01', '0:09']);
  expect([0.2, 45, 61, 3_601].map((rest) => formatRest(rest, 'up'))).toEqual([
    '1 s',
    '45 s',
    '2 min',
    '2 h',
  ]);
  expect(formatRest(899, 'down')).toBe('14 min');
  expect(secondsBetween('2026-11-30T12:00:00Z', '2026-11-30T12:00:09Z')).toBe(9);
});

test('a length of time is in the largest unit that divides it', () => {
  expect([259_200, 86_400, 129_600, 90, 120].map(formatLength)).toEqual([
    '3 days',
    '1 day',
    '36 hours',
    '90 seconds',
    '2 minutes',
  ]);
});

test('sizes are written by powers of 1,000', () => {
  expect([513, 1_890_000, 999_900, 4_610_000_000].map(formatBytes)).toEqual([
    '513 B',
    '1.89 MB',
    '1 MB',
    '4.61 GB',
  ]);
});

test('a zone is that of now, if there is no time', () => {
  expect(zoneOf(new Date('19:00:00'))).toBe(zoneOf(new Date()));
});
