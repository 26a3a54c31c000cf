import type { AddressInfo } from 'node:net';
import { beforeAll, expect, test, vi } from 'vitest';
import { createApiKey } from '../../../db/api-keys.ts';
import { makeJob } from '../../support/steps/export-rows.ts';
import { openEvents } from '../../support/steps/events.ts';
import { useApi } from '../support.ts';

/** Keys that expire, and what the API shows of the end and the last use of a key. */

const api = useApi();
const DAY_MS = 86_400_000;
let base = '';

beforeAll(async () => {
  const { app } = api();
  await app.listen({ host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
});

const query = async (text: string, values: unknown[] = []) =>
  (await api().database.owner.pool.query(text, values)).rows;

const makeKey = () =>
  createApiKey(api().database.owner.db, {
    role: 'ops',
    workspaceId: null,
    ownerName: 'olga',
    ownerEmail: 'olga@keys.example',
    expires: { inSeconds: 3_600 },
  });

const expire = (id: string) =>
  query(
    `UPDATE api_keys SET created_at = now() - interval '2 hours', expires_at = now() WHERE id = $1`,
    [id],
  );

const me = (key: string) => api().call('GET', '/v1/me', { key });

const usedAt = async (id: string): Promise<Date | null> =>
  (await query('SELECT last_used_at AS at FROM api_keys WHERE id = $1', [id]))[0].at;

test('an expired key is answered like a revoked key, by the clock of the database', async () => {
  const [expired, revoked, valid] = [await makeKey(), await makeKey(), await makeKey()];
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31 * DAY_MS });
  expect((await me(expired.key)).status).toBe(200);
  await expire(expired.id);
  await query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [revoked.id]);
  vi.setSystemTime(Date.now() - 62 * DAY_MS);
  const [one, other] = [await me(expired.key), await me(revoked.key)];
  vi.useRealTimers();
  expect(one.status).toBe(401);
  expect(one.headers['www-authenticate']).toBe('Bearer realm="keepsake"');
  expect({ ...one.body, requestId: '' }).toEqual({ ...other.body, requestId: '' });
  expect((await me(valid.key)).status).toBe(200);
});

test('a stream ends when its key has expired', async () => {
  const jobId = await makeJob(api().database.owner.db, {
    workspaceId: 'one',
    keyId: api().keyIds.one,
  });
  const [expired, valid] = [await makeKey(), await makeKey()];
  const path = `${base}/v1/jobs/${jobId}/events`;
  const [ends, goesOn] = [await openEvents(path, expired.key), await openEvents(path, valid.key)];
  await Promise.all([ends.next(), goesOn.next()]);
  await expire(expired.id);
  expect(await ends.next()).toBeUndefined();
  await query(`UPDATE jobs SET phase = 'verifying' WHERE id = $1`, [jobId]);
  expect((await goesOn.next())?.data.phase).toBe('verifying');
  goesOn.close();
});

test('/v1/me shows the end and the last use of a key', async () => {
  const made = await makeKey();
  expect((await me(made.key)).body.key).toMatchObject({
    expiresAt: made.expiresAt!.toISOString(),
    lastUsedAt: null,
  });
  await expect.poll(() => usedAt(made.id)).not.toBeNull();
  const at = (await usedAt(made.id))!;
  expect((await me(made.key)).body.key.lastUsedAt).toBe(at.toISOString());
  expect((await me(api().keys.one)).body.key.expiresAt).toBeNull();
});

test('many requests of a key store its use once, also refused requests', async () => {
  const made = await makeKey();
  const updates = async (): Promise<string> =>
    (await query('SELECT xmin::text AS by FROM api_keys WHERE id = $1', [made.id]))[0].by;
  const before = await updates();
  expect((await api().call('GET', '/v1/users', { key: made.key })).status).toBe(403);
  await expect.poll(() => usedAt(made.id)).not.toBeNull();
  const once = await updates();
  expect(once).not.toBe(before);
  await Promise.all(Array.from({ length: 50 }, () => me(made.key)));
  await me((await makeKey()).key);
  expect(await updates()).toBe(once);
});

test('a key use that cannot be stored neither fails nor delays a request', async () => {
  const made = await makeKey();
  const { owner } = api().database;
  const holder = await owner.pool.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE api_keys IN SHARE MODE');
  const answers = await Promise.all(Array.from({ length: 5 }, () => me(made.key)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(await usedAt(made.id)).toBeNull();
  const told = () => api().log.filter((line) => line.includes('could not be stored'));
  await expect.poll(() => told().length).toBe(1);
  await holder.query('ROLLBACK');
  holder.release();
  expect(told()[0]).toContain('55P03');
  expect(told()[0]).not.toContain(made.key);
});
