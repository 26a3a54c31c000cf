import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { uuidv7 } from 'uuidv7';
import { beforeAll, expect, test } from 'vitest';
import { COUNT_DEADLINE_MS } from '../../../api/http/limits.ts';
import { withLockedUsers } from '../../support/database/locked-users.ts';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';
import { useApi } from '../support.ts';

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const overview = async (key = api().keys.one, parameters = '') => {
  const { status, body } = await api().call('GET', `/v1/overview?${parameters}`, { key });
  expect(status).toBe(200);
  return body as {
    days: Record<'added' | 'imported' | 'deleted' | 'restored', number | null>[] &
      { day: string }[];
    attention: Record<string, number>;
  };
};

const addJob = async (
  type: string,
  daysAgo: number,
  { workspace = 'one', counts = {}, state = 'succeeded', options = {} } = {},
): Promise<string> => {
  const id = uuidv7();
  const file = type === 'import' ? uuidv7() : null;
  if (file !== null) {
    await query(
      `INSERT INTO import_files (id, workspace_id, bytes, sha256, expires_at)
       VALUES ($1, $2, 1, 'x', now() + interval '7 days')`,
      [file, workspace],
    );
  }
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, options, actor_key_id, counts, import_file_id,
                       created_at, finished_at)
     VALUES ($1, $2, $3, $4, '{"type": "ids", "count": 1}', $5, $6, $7, $8,
             now() - $9 * interval '1 day', now() - $9 * interval '1 day')`,
    [id, workspace, type, state, options, api().keyIds.one, counts, file, daysAgo],
  );
  return id;
};

beforeAll(async () => {
  await api().addUsers('one', 6);
  await query(
    `UPDATE users SET created_at = now() - interval '2 days' WHERE user_id < 'user-00002'`,
  );
  await query(`UPDATE users SET created_at = 'infinity' WHERE user_id = 'user-00005'`);
  await addJob('import', 0, { counts: { imported: 5, merged: 7, unchanged: 4 } });
  await addJob('import', 0, { counts: { imported: 90 }, options: { dryRun: true } });
  await addJob('deletion', 1, { counts: { deleted: 3, failed: 1 }, state: 'partiallySucceeded' });
  await addJob('deletion', 1, { counts: { deleted: 2 }, state: 'cancelled' });
  await addJob('restore', 2, { counts: { restored: 4 } });
  await addJob('deletion', 3, { counts: { deleted: 1000 } });
  await addJob('deletion', 0, { counts: { deleted: 50 }, workspace: 'two' });
});

test('each day has its sums, the oldest day first, and days without work have zeros', async () => {
  const { days } = await overview(api().keys.one, 'days=3');
  const none = { added: 0, imported: 0, deleted: 0, restored: 0 };
  const { rows } = await query(`SELECT to_char(now() - interval '2 days', 'YYYY-MM-DD') AS first`);
  expect(days).toEqual([
    { ...none, day: rows[0].first, added: 2, restored: 4 },
    { ...none, day: expect.any(String), deleted: 5 },
    { ...none, day: expect.any(String), added: 3, imported: 8 },
  ]);
  const month = await overview();
  expect(month.days).toHaveLength(30);
  expect(month.days.slice(-3)).toEqual(days);
  expect(month.days.at(-4)).toMatchObject({ deleted: 1000 });
});

test('a key of all workspaces reads the sums of all of them, or of one', async () => {
  for (const key of [api().keys.platform, api().keys.ops]) {
    const all = await overview(key, 'days=1');
    expect(all.days).toMatchObject([{ added: null, imported: 8, deleted: 50 }]);
    const two = await overview(key, 'days=1&workspace=two');
    expect(two.days).toMatchObject([{ added: 0, imported: 0, deleted: 50 }]);
  }
  expect((await overview(api().keys.two, 'days=1')).days).toMatchObject([{ deleted: 50 }]);
});

test('things that need attention are counted in the workspace only', async () => {
  const { owner } = api().database;
  const jobId = await makeJob(owner.db, {
    workspaceId: 'one',
    keyId: api().keyIds.one,
    type: 'deletion',
  });
  const add = (change: string, pass: number) =>
    makeExport(owner, { jobId, workspaceId: 'one', purpose: 'backup', pass }).then(({ id }) =>
      query(`UPDATE exports SET ${change} WHERE id = $1`, [id]),
    );
  const before = (await overview()).attention;
  await add(`state = 'damaged'`, 2);
  await add(`state = 'verified', expires_at = now() + interval '2 days'`, 3);
  await add(`state = 'verified', legal_hold = true, expires_at = now() + interval '2 days'`, 4);
  await api().call('POST', '/v1/delete-all-requests', { body: { reason: 'over' } });
  const { attention } = await overview();
  expect(attention).toEqual({
    ...before,
    damagedBackups: 1,
    expiringBackups: 1,
    requestsToDecide: 1,
    openWindows: 0,
  });
  expect(attention['retryableJobs']).toBe(1);
  await query(
    `UPDATE delete_all_requests SET state = 'open', opens_at = now(), closes_at = now() + window_length`,
  );
  expect((await overview()).attention).toMatchObject({ requestsToDecide: 0, openWindows: 1 });
  expect((await overview(api().keys.two)).attention).toMatchObject({
    damagedBackups: 0,
    openWindows: 0,
  });
});

/** A count that nobody reads ends before the deadline would end it. */
const BEFORE_DEADLINE = { timeout: COUNT_DEADLINE_MS - 500, interval: 20 };

/** Connections on which PostgreSQL counts the added users now. */
const runningCounts = async (): Promise<number> => {
  const { rows } = await query(
    `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()
        AND query LIKE '%users.created_at::date%'`,
  );
  return rows[0].n;
};

test('added users that take too long to count are null on each day, and all else is answered', () =>
  withLockedUsers(api().database.owner.pool, 'one', async () => {
    const started = Date.now();
    const { days, attention } = await overview(api().keys.one, 'days=3');
    expect(days).toMatchObject([
      { added: null, restored: 4 },
      { added: null, deleted: 5 },
      { added: null, imported: 8 },
    ]);
    expect(attention).toHaveProperty('openWindows');
    expect(Date.now() - started).toBeGreaterThanOrEqual(COUNT_DEADLINE_MS - 100);
    await expect.poll(runningCounts).toBe(0);
  }));

test('PostgreSQL stops counting added users soon after the reader has left', async () => {
  await api().app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = api().app.server.address() as AddressInfo;
  await withLockedUsers(api().database.owner.pool, 'one', async () => {
    const request = get(`http://127.0.0.1:${port}/v1/overview`, {
      agent: false,
      headers: { authorization: `Bearer ${api().keys.one}` },
    });
    request.on('error', () => {});
    await expect.poll(runningCounts, { interval: 20 }).toBe(1);
    request.destroy();
    await expect.poll(runningCounts, BEFORE_DEADLINE).toBe(0);
  });
  expect((await overview(api().keys.one, 'days=1')).days).toMatchObject([{ added: 3 }]);
});

test.each(['0', '91', '1.5', 'x', ''])('%j days are refused', async (days) => {
  const answer = await api().call('GET', `/v1/overview?days=${days}`);
  expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '?days' }] } });
});
