import { afterEach, expect, test, vi } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { noteScheduleRun } from '../../../db/service-figures.ts';
import { useApi } from '../support.ts';

const api = useApi();

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const scrape = async (): Promise<string> => {
  const { status, headers, text } = await api().call('GET', '/metrics', { key: null });
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  return text;
};

/** Lines of a metric, without comments. */
const linesOf = (text: string, name: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(name));

let aheadMs = 0;

const monotonicNow = performance.now.bind(performance);

/** Moves both clocks ahead, further each time, past the age at which jobs are counted again. */
const letCountsAge = () => {
  aheadMs += 60_000;
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + aheadMs });
  vi.spyOn(performance, 'now').mockImplementation(() => monotonicNow() + aheadMs);
};

test('metrics count the jobs of the database by type and state', async () => {
  await api().addUsers('one', 3);
  const before = await scrape();
  expect(linesOf(before, 'keepsake_jobs{')).toEqual([]);
  for (let n = 0; n < 3; n++) {
    await api().call('POST', '/v1/exports', { body: { selection: { type: 'all' } } });
  }
  const body = { selection: { type: 'ids', ids: ['user-00001'] }, reason: 'asked to' };
  const { id } = (await api().call('POST', '/v1/deletions', { body })).body;
  await api().call('POST', `/v1/jobs/${id}/cancel`);
  letCountsAge();
  const after = await scrape();
  expect(linesOf(after, 'keepsake_jobs{').toSorted()).toEqual([
    'keepsake_jobs{type="deletion",state="cancelled"} 1',
    'keepsake_jobs{type="export",state="queued"} 3',
  ]);
  expect(after).toContain('keepsake_database_up 1');
});

test('metrics time requests by method, route and status, also refused requests', async () => {
  await api().call('GET', `/v1/jobs/${uuidv7()}`);
  await api().call('GET', '/v1/me', { key: null });
  await api().call('GET', '/nowhere');
  const counts = linesOf(await scrape(), 'keepsake_http_request_duration_seconds_count');
  const labels = counts.map((line) => /\{(.*)\}/.exec(line)?.[1]);
  expect(labels).toEqual(
    expect.arrayContaining([
      'method="GET",route="/v1/jobs/:id",status="404"',
      'method="GET",route="/v1/me",status="401"',
      'method="GET",route="unknown",status="404"',
    ]),
  );
  expect(linesOf(await scrape(), 'process_cpu_seconds_total')).toHaveLength(1);
});

test('metrics report how far the clock is ahead of the database', async () => {
  letCountsAge();
  const [line = ''] = linesOf(await scrape(), 'keepsake_clock_skew_seconds{process="api"}');
  expect(Number(line.split(' ')[1])).toBeGreaterThan(59);
});

test('metrics have no id, name, key or address of a person, and no workspace', async () => {
  const { call, keys, keyIds } = api();
  const user = { userId: 'canary-id', firstName: 'Canary', email: 'canary@mail.example' };
  await call('POST', '/v1/users', { body: user });
  await call('GET', '/v1/users/canary-id?q=canary');
  await call('GET', '/v1/users?q=canary');
  await call('GET', '/canary-path');
  await call('GET', '/d/canary-token');
  const text = await scrape();
  for (const secret of [
    'anary',
    'mail.example',
    'ada',
    keys.one,
    keyIds.one,
    '"one"',
    '127.0.0.1',
  ]) {
    expect(text).not.toContain(secret);
  }
});

test('twenty simultaneous scrapes read the database once', async () => {
  letCountsAge();
  const count = vi.spyOn(api().database.api.pool, 'connect');
  await Promise.all(Array.from({ length: 20 }, scrape));
  // One connection reads the figures, and one checks that the database is up.
  expect(count).toHaveBeenCalledTimes(2);
});

test('metrics report late jobs and destructions, ended jobs by error, and resources in use', async () => {
  const { database } = api();
  const query = (text: string, values: unknown[] = []) => database.owner.pool.query(text, values);
  const { rows } = await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, created_at)
     SELECT gen_random_uuid(), 'two', 'export', 'running', '{"type":"all"}', id, now() - interval '2 hours'
       FROM api_keys WHERE workspace_id = 'two' RETURNING id, actor_key_id`,
  );
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, error_type, error_message, finished_at)
     SELECT gen_random_uuid(), 'two', 'export', 'failed', '{"type":"all"}', $1, error, 'x', now()
       FROM unnest(ARRAY['storageFull', 'internal']) AS error`,
    [rows[0].actor_key_id],
  );
  await query(
    `INSERT INTO user_lists (id, workspace_id, actor_key_id, match_by, expires_at)
     VALUES (gen_random_uuid(), 'two', $1, 'email', now() - interval '4 hours'),
            (gen_random_uuid(), 'two', $1, 'email', now() - interval '1 hour')`,
    [rows[0].actor_key_id],
  );
  await noteScheduleRun(database.worker.db, 'start-queued');
  letCountsAge();
  const text = await scrape();
  const [oldest = ''] = linesOf(text, 'keepsake_oldest_job_seconds{state="running"}');
  expect(Number(oldest.split(' ')[1])).toBeGreaterThan(7_199);
  expect(text).toContain('keepsake_jobs_ended{type="export",state="failed",error="storageFull"} 1');
  expect(text).toContain('keepsake_jobs_ended{type="export",state="failed",error="internal"} 1');
  expect(text).toContain('keepsake_jobs{type="export",state="failed"} 2');
  expect(text).toContain('keepsake_overdue_destructions 1');
  const [run = ''] = linesOf(text, 'keepsake_schedule_succeeded_timestamp_seconds');
  expect(run).toMatch(/\{schedule="start-queued"\} 1\.?\d+/);
  expect(text).toMatch(/^keepsake_database_connections\{pool="requests",state="used"\} \d+$/m);
  const [free = ''] = linesOf(text, 'keepsake_storage_free_bytes');
  expect(Number(free.split(' ')[1])).toBeGreaterThan(0);
});

test('metrics still report the process when the database is away', async () => {
  await api().database.api.close();
  letCountsAge();
  const text = await scrape();
  expect(text).toContain('keepsake_database_up 0');
  expect(linesOf(text, 'keepsake_jobs{')).toEqual([]);
  expect(linesOf(text, 'keepsake_clock_skew_seconds')).toEqual([]);
  expect(linesOf(text, 'process_cpu_seconds_total')).toHaveLength(1);
});
