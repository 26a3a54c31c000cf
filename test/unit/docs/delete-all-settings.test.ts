import { expect, test } from 'vitest';
import { deleteAllSettingsOf, envToConfig, readEnv, readLocalEnv } from '../../../config.ts';

/** The settings that a start stores in the database. */
const stored = (settings: Record<string, string>) => deleteAllSettingsOf(readLocalEnv(settings));

const read = (settings: Record<string, string>) =>
  envToConfig(
    readEnv({
      DATABASE_URL: 'postgres://localhost/x',
      RESEND_API_KEY: 're_x',
      LINK_SECRET: 'x'.repeat(32),
      ...settings,
    }),
  );

const HOUR_MS = 3_600_000;

test('the defaults are 90 percent, a window of 3 days, a lapse of 14, a memory of 7, three reminders', () => {
  expect(stored({})).toEqual({
    percent: 90,
    memoryMs: 7 * 24 * HOUR_MS,
    windowMs: 72 * HOUR_MS,
    lapseMs: 14 * 24 * HOUR_MS,
    remindAfterMs: 24 * HOUR_MS,
    closingRemindersMs: [24 * HOUR_MS, 2 * HOUR_MS],
  });
});

test('a signal from outside needs a code by default, and can be switched off', () => {
  expect(read({}).deleteAllSignals).toBe('code');
  expect(read({ DELETE_ALL_SIGNALS: 'off' }).deleteAllSignals).toBe('off');
  expect(() => read({ DELETE_ALL_SIGNALS: 'on' })).toThrow('DELETE_ALL_SIGNALS');
});

const reminders = (text: string) =>
  stored({ DELETE_ALL_CLOSING_REMINDERS: text }).closingRemindersMs;

test('durations are whole numbers with a unit', () => {
  expect(stored({ DELETE_ALL_WINDOW: '90s' })).toMatchObject({ windowMs: 90_000 });
  expect(reminders('15m')).toEqual([900_000]);
  expect(reminders('none')).toEqual([]);
});

test.each(['3', '0d', '-1d', '1.5h', '3 d', '31d', 'd', '1w', ' '])(
  '%j is not a valid duration',
  (text) => {
    for (const name of ['DELETE_ALL_WINDOW', 'DELETE_ALL_LAPSE', 'DELETE_ALL_MEMORY']) {
      expect(() => stored({ [name]: text })).toThrow(name);
    }
  },
);
