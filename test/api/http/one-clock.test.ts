import { afterEach, expect, test, vi } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

const DAY_MS = 86_400_000;

afterEach(() => {
  vi.useRealTimers();
});

test('a wrong clock of the API neither opens a closed window nor closes an open window', async () => {
  const { call, addUsers, keys, database } = api();
  await addUsers('one', 3);
  const path = '/v1/delete-all-requests';
  const asked = await call('POST', path, { body: { reason: 'the contract has ended' } });
  const { id } = asked.body as { id: string };
  await call('POST', `${path}/${id}/approve`, { key: keys.platform, body: {} });
  const isEnabled = async () => (await call('GET', '/v1/me')).body.features.deleteAll.enabled;
  const preview = async () => (await call('POST', `${path}/${id}/preview`)).status;

  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31 * DAY_MS });
  expect([await isEnabled(), await preview()]).toEqual([true, 201]);
  await database.owner.pool.query(
    `ALTER TABLE delete_all_requests DISABLE TRIGGER guard;
     UPDATE delete_all_requests SET opens_at = now() - interval '3 days', closes_at = now();
     ALTER TABLE delete_all_requests ENABLE TRIGGER guard`,
  );
  vi.setSystemTime(Date.now() - 62 * DAY_MS);
  expect([await isEnabled(), await preview()]).toEqual([false, 410]);
});
