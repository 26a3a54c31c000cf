import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { saveDeleteAllSettings } from '../../../db/delete-all/delete-all-settings.ts';
import { useApi } from '../support.ts';

const api = useApi({ rateLimitPerMinute: 4321, temporalUiUrl: 'http://temporal.example/ui' });

const settings = (key: string) => api().call('GET', '/v1/settings', { key });

test('every role reads the same rules, lifetimes and limits, with the version of the package', async () => {
  const { body } = await settings(api().keys.one);
  expect(body).toMatchObject({
    version: JSON.parse(readFileSync('package.json', 'utf8')).version,
    deleteAll: {
      percent: 90,
      leastUsers: 75,
      memorySeconds: 7 * 86_400,
      windowSeconds: 3 * 86_400,
      lapseSeconds: 14 * 86_400,
      remindAfterSeconds: 86_400,
      closingReminderSeconds: [86_400, 7_200],
    },
    retention: { exportDays: 7, backupDays: 30, importFileDays: 7, previewMinutes: 15 },
    limits: { requestsPerMinute: 4321, countSeconds: 5, idsWithoutPreview: 100, chosenIds: 10_000 },
    temporalUiUrl: 'http://temporal.example/ui',
  });
  for (const key of [api().keys.platform, api().keys.ops]) {
    expect((await settings(key)).body).toEqual(body);
  }
  expect(JSON.stringify(body)).not.toContain('secret');
});

test('the rules are those that the database applies now', async () => {
  await saveDeleteAllSettings(api().database.owner.db, {
    percent: 12.5,
    memoryMs: 1_000,
    windowMs: 1_500,
    lapseMs: 60_000,
    remindAfterMs: 2_000,
    closingRemindersMs: [],
  });
  expect((await settings(api().keys.one)).body.deleteAll).toEqual({
    percent: 12.5,
    leastUsers: 75,
    memorySeconds: 1,
    windowSeconds: 1.5,
    lapseSeconds: 60,
    remindAfterSeconds: 2,
    closingReminderSeconds: [],
  });
});

test('a preview states until when its users can be restored, by the clock of the database', async () => {
  await api().addUsers('one', 3);
  const { rows } = await api().database.owner.pool.query<{ now: Date }>('SELECT now()');
  const { body } = await api().call('POST', '/v1/deletion-previews', {
    body: { selection: { type: 'ids', ids: ['user-00001'] } },
  });
  const days = (Date.parse(body.restorableUntil) - (rows[0]?.now.getTime() ?? 0)) / 86_400_000;
  expect(days).toBeGreaterThanOrEqual(30);
  expect(days).toBeLessThan(30.01);
});
