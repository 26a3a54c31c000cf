import { expect, test } from 'vitest';
import { envToConfig, readEnv } from '../../config.ts';

const read = (settings: Record<string, string>) =>
  envToConfig(
    readEnv({
      DATABASE_URL: 'postgres://localhost/x',
      RESEND_API_KEY: 're_x',
      LINK_SECRET: 'x'.repeat(32),
      ...settings,
    }),
  ).deleteAllTimes;

const HOUR_MS = 3_600_000;

test('three days, fourteen days, a day of silence, a day and two hours before', () => {
  expect(read({})).toEqual({
    windowMs: 72 * HOUR_MS,
    lapseMs: 14 * 24 * HOUR_MS,
    remindAfterMs: 24 * HOUR_MS,
    closingRemindersMs: [24 * HOUR_MS, 2 * HOUR_MS],
  });
});

test('durations are whole numbers with a unit', () => {
  const times = read({ DELETE_ALL_WINDOW: '90s', DELETE_ALL_CLOSING_REMINDERS: '15m' });
  expect(times).toMatchObject({ windowMs: 90_000, closingRemindersMs: [900_000] });
  expect(read({ DELETE_ALL_CLOSING_REMINDERS: 'none' }).closingRemindersMs).toEqual([]);
});

test.each(['3', '0d', '-1d', '1.5h', '3 d', '31d', 'd', '1w', ' '])('%j is no duration', (text) => {
  expect(() => read({ DELETE_ALL_WINDOW: text })).toThrow('DELETE_ALL_WINDOW');
});
