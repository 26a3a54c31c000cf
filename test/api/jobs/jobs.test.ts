import { afterEach, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { useApi } from '../support.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';

const api = useApi();

afterEach(() => {
  api().starter.isAway = false;
});

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const countJobs = async (): Promise<number> =>
  (await query('SELECT count(*) AS n FROM jobs')).rows[0].n;

const startExport = (key?: string, body: unknown = { selection: { type: 'all' } }) =>
  api().call('POST', '/v1/exports', {
    body,
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });

test('a started export answers 202 with its location, a retry time and the job', async () => {
  const answer = await startExport();
  expect(answer.status).toBe(202);
  expect(answer.headers['location']).toBe(`/v1/exports/${answer.body.id}`);
  expect(answer.headers['retry-after']).toBe('1');
  expect(answer.body).toMatchObject({
    workspace: 'one',
    type: 'export',
    state: 'queued',
    phase: null,
    selection: { type: 'all' },
    actor: { role: 'admin', ownerName: 'ada' },
    progress: { total: null, processed: 0, ratePerSecond: null, etaSeconds: null },
    counts: null,
    result: null,
    error: null,
    workflow: { id: `export/${answer.body.id}`, runId: null },
  });
  expect(answer.body.workflow.uiUrl).toBe(
    `http://temporal.example/namespaces/default/workflows/export%2F${answer.body.id}`,
  );
  expect(api().starter.started.at(-1)).toEqual({
    id: answer.body.id,
    type: 'export',
    workspaceId: 'one',
  });
  const { rows } = await query('SELECT options FROM jobs WHERE id = $1', [answer.body.id]);
  const { columns } = answer.body;
  const asked = { format: 'csv', compression: 'gzip', spreadsheetSafe: true, notify: true };
  expect(rows[0].options).toEqual({ ...asked, columns });
  const { rows: lines } = await query('SELECT kind FROM activity WHERE job_id = $1', [
    answer.body.id,
  ]);
  expect(lines).toEqual([{ kind: 'exportStarted' }]);
});

test('the same key and body return the same job, and another body is refused', async () => {
  const first = await startExport('key-1');
  const again = await startExport('key-1');
  expect(again.status).toBe(202);
  expect(again.body.id).toBe(first.body.id);
  const defaults = { selection: { type: 'all' }, compression: 'gzip', notify: true };
  expect((await startExport('key-1', defaults)).body.id).toBe(first.body.id);
  const other = await startExport('key-1', { selection: { type: 'all' }, compression: 'none' });
  expect(other).toMatchObject({ status: 422, body: { type: '/problems/idempotency-key-reused' } });
  const theirs = await api().call('POST', '/v1/exports', {
    key: api().keys.two,
    body: { selection: { type: 'all' } },
    headers: { 'idempotency-key': 'key-1' },
  });
  expect(theirs.status).toBe(202);
  expect(theirs.body.id).not.toBe(first.body.id);
});

test('ten simultaneous requests with one key create one job', async () => {
  const before = await countJobs();
  const answers = await Promise.all(Array.from({ length: 10 }, () => startExport('key-many')));
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(answers.every(({ status }) => status === 202)).toBe(true);
  expect(await countJobs()).toBe(before + 1);
});

test('a key that is empty, too long or not visible ASCII is refused', async () => {
  for (const key of ['', 'two words', 'ü', 'x'.repeat(256)]) {
    const answer = await startExport(key);
    expect(answer).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: 'idempotency-key' }] },
    });
  }
});

test('while Temporal is away, a request with a key stores a job, and the same key starts it later', async () => {
  const { starter } = api();
  starter.isAway = true;
  const away = await startExport('key-away');
  expect(away).toMatchObject({ status: 503, body: { type: '/problems/temporal-unavailable' } });
  expect(away.headers['retry-after']).toBe('5');
  const { rows } = await query("SELECT id, state FROM jobs WHERE idempotency_key = 'key-away'");
  expect(rows[0].state).toBe('queued');
  starter.isAway = false;
  const back = await startExport('key-away');
  expect(back).toMatchObject({ status: 202, body: { id: rows[0].id } });
  expect(starter.started.at(-1)?.id).toBe(rows[0].id);
});

test('while Temporal is away, a request without a key fails its job, so that no job starts later', async () => {
  api().starter.isAway = true;
  const before = await countJobs();
  expect((await startExport()).status).toBe(503);
  expect(await countJobs()).toBe(before + 1);
  const { rows } = await query(
    'SELECT state, error_type FROM jobs ORDER BY created_at DESC LIMIT 1',
  );
  expect(rows[0]).toEqual({ state: 'failed', error_type: 'notStarted' });
});

test('a job is found under its own type only, and not from another workspace', async () => {
  const { call, keys } = api();
  const { body: job } = await startExport();
  for (const path of [`/v1/jobs/${job.id}`, `/v1/exports/${job.id}`]) {
    expect((await call('GET', path)).body.id).toBe(job.id);
    expect((await call('GET', path, { key: keys.two })).status).toBe(404);
    expect((await call('GET', path, { key: keys.ops })).body.id).toBe(job.id);
    expect((await call('GET', `${path}?workspace=two`, { key: keys.ops })).status).toBe(404);
  }
  expect((await call('GET', `/v1/deletions/${job.id}`)).status).toBe(404);
  expect((await call('GET', `/v1/jobs/${uuidv7()}`)).status).toBe(404);
  expect((await call('GET', '/v1/jobs/none')).body.errors[0].pointer).toBe('{id}');
});

test('platform and ops see no filter values, and admins see them', async () => {
  const { call, keys } = api();
  const filter = { field: 'email', op: 'is', value: 'canary@mail.example' };
  const { body: job } = await startExport(undefined, {
    selection: { type: 'filter', filter, excludeIds: ['canary-id'] },
  });
  expect(job.selection).toEqual({ type: 'filter', filter, excludedCount: 1 });
  const seen = await call('GET', `/v1/jobs/${job.id}`, { key: keys.ops });
  expect(seen.body.selection).toEqual({ type: 'filter', excludedCount: 1 });
});

test('jobs are listed newest first, once each, and filtered by type and state', async () => {
  const { call } = api();
  const all: string[] = [];
  let cursor = '';
  do {
    const page = await call('GET', `/v1/jobs?limit=3${cursor}`);
    expect(page.status).toBe(200);
    all.push(...page.body.data.map(({ id }: { id: string }) => id));
    cursor = page.body.nextCursor === null ? '' : `&cursor=${page.body.nextCursor}`;
  } while (cursor !== '');
  const { rows } = await query(
    "SELECT id FROM jobs WHERE workspace_id = 'one' ORDER BY created_at DESC, id DESC",
  );
  expect(all).toEqual(rows.map(({ id }) => id));
  const failed = await call('GET', '/v1/jobs?state=failed&type=export');
  expect(failed.body.data).toHaveLength(1);
  expect((await call('GET', '/v1/jobs?type=deletion')).body.data).toEqual([]);
  for (const [parameter, pointer] of [
    ['limit=0', '?limit'],
    ['limit=201', '?limit'],
    ['limit=1e2', '?limit'],
    ['limit=1&limit=2', '?limit'],
    ['cursor=nonsense', '?cursor'],
    ['type=merge', '?type'],
    ['state=', '?state'],
  ]) {
    const answer = await call('GET', `/v1/jobs?${parameter}`);
    expect({ parameter, ...answer }).toMatchObject({
      status: 400,
      body: { errors: [{ pointer }] },
    });
  }
});

test('a queued job is cancelled at once, and a second cancel changes nothing', async () => {
  const { call, starter } = api();
  const { body: job } = await startExport();
  const first = await call('POST', `/v1/jobs/${job.id}/cancel`);
  expect(first).toMatchObject({ status: 202, body: { state: 'cancelled' } });
  expect(first.body.finishedAt).not.toBeNull();
  expect(starter.cancelled).toContain(job.id);
  expect((await call('POST', `/v1/jobs/${job.id}/cancel`)).status).toBe(202);
  const { rows } = await query(
    "SELECT count(*) AS n FROM activity WHERE job_id = $1 AND kind = 'jobCancelled'",
    [job.id],
  );
  expect(rows[0].n).toBe(1);
});

test('a running job is cancelled by its row while Temporal is away, and an ended job is not cancelled', async () => {
  const { call, starter } = api();
  const { body: job } = await startExport();
  await query("UPDATE jobs SET state = 'running' WHERE id = $1", [job.id]);
  starter.isAway = true;
  const answer = await call('POST', `/v1/jobs/${job.id}/cancel`, { key: api().keys.ops });
  expect(answer).toMatchObject({ status: 202, body: { state: 'cancelling', finishedAt: null } });
  await query("UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1", [job.id]);
  const late = await call('POST', `/v1/jobs/${job.id}/cancel`);
  expect(late).toMatchObject({ status: 409, body: { type: '/problems/wrong-state' } });
});

test('a cancel waits for the open batch of the job', async () => {
  const { call, database } = api();
  const { body: job } = await startExport();
  await query("UPDATE jobs SET state = 'running' WHERE id = $1", [job.id]);
  const batch = await database.owner.pool.connect();
  await batch.query('BEGIN');
  await batch.query('SELECT FROM jobs WHERE id = $1 FOR SHARE', [job.id]);
  let isAnswered = false;
  const cancel = call('POST', `/v1/jobs/${job.id}/cancel`).finally(() => {
    isAnswered = true;
  });
  await expect.poll(() => countLockWaits(database.owner.pool)).toBe(1);
  expect(isAnswered).toBe(false);
  await batch.query('COMMIT');
  batch.release();
  expect((await cancel).body.state).toBe('cancelling');
});

test('a job shows the progress of its newest attempt, with rate and remaining time', async () => {
  const { call } = api();
  const { body: job } = await startExport();
  await query(
    `UPDATE jobs SET state = 'running', phase = 'exporting', total = 1000, run_id = 'run-1',
            phase_started_at = now() - interval '100 seconds' WHERE id = $1`,
    [job.id],
  );
  const addAttempt = async (attempt: number, rows: number): Promise<void> => {
    await query(
      `INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint)
       VALUES ($1, $2, pg_current_snapshot(), 'f')`,
      [job.id, attempt],
    );
    await query(
      `INSERT INTO export_parts (export_id, attempt, part, rows, raw_bytes, bytes, sha256)
       VALUES ($1, $2, 1, $3, 1, 1, 'x')`,
      [job.id, attempt, rows],
    );
  };
  await query(
    `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, expires_at)
     VALUES ($1, $1, 'one', 'download', 1, 'gzip', now() + interval '7 days')`,
    [job.id],
  );
  await addAttempt(1, 900);
  await addAttempt(2, 400);
  const { body } = await call('GET', `/v1/jobs/${job.id}`);
  expect(body.progress).toMatchObject({ total: 1000, processed: 400 });
  // 400 users in 100 seconds, and in what the test takes.
  expect(body.progress.ratePerSecond).toBeGreaterThan(3);
  expect(body.progress.ratePerSecond).toBeLessThanOrEqual(4);
  expect(body.progress.etaSeconds).toBeGreaterThanOrEqual(150);
  expect(body.workflow.uiUrl).toMatch(/\/run-1$/);
  await query(
    `UPDATE exports SET state = 'verified', attempt = 2, rows = 400, bytes = 9, sha256 = 'aa' WHERE id = $1`,
    [job.id],
  );
  const done = await call('GET', `/v1/exports/${job.id}`);
  expect(done.body.result).toMatchObject({ exportId: job.id, rows: 400, bytes: 9, sha256: 'aa' });
  expect(done.body.links.file).toBe(`/v1/exports/${job.id}/file`);
});

test('a job shows its wait: for a worker, for its start, for Temporal, or for a step that is retried', async () => {
  const { call, starter } = api();
  const { body: job } = await startExport();
  const waitOf = async () => (await call('GET', `/v1/jobs/${job.id}`)).body.waitingFor;
  expect(await waitOf()).toEqual({ type: 'noWorker', since: job.createdAt, attempt: 0 });
  await query(
    `INSERT INTO worker_heartbeats (worker_id, task_queue, beat_at) VALUES ('w', 'keepsake', now())`,
  );
  expect(await waitOf()).toMatchObject({ type: 'start', attempt: 0 });
  starter.isAway = true;
  expect(await waitOf()).toMatchObject({ type: 'temporalUnavailable', attempt: 0 });
  starter.isAway = false;
  await query(
    `UPDATE jobs SET state = 'running', started_at = now(), phase = 'exporting',
            phase_started_at = '2026-01-01T00:00:00Z' WHERE id = $1`,
    [job.id],
  );
  expect(await waitOf()).toBeUndefined();
  starter.pendingStep = { type: 'storageUnwritable', attempt: 4 };
  const waiting = { type: 'storageUnwritable', since: '2026-01-01T00:00:00.000Z', attempt: 4 };
  expect(await waitOf()).toEqual(waiting);
  const { body: list } = await call('GET', '/v1/jobs?limit=1');
  expect(list.data[0]).not.toHaveProperty('waitingFor');
  await query(`UPDATE jobs SET state = 'failed', phase = NULL, finished_at = now() WHERE id = $1`, [
    job.id,
  ]);
  expect(await waitOf()).toBeUndefined();
  delete starter.pendingStep;
});
