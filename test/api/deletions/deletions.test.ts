import { afterEach, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { useApi } from '../support.ts';

const api = useApi();

afterEach(() => {
  api().starter.isAway = false;
});

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

/** Selects all users whose id contains this text. */
const having = (prefix: string) => ({
  type: 'filter',
  filter: { field: 'userId', op: 'contains', value: prefix },
});

const preview = (selection: unknown, key?: string) =>
  api().call('POST', '/v1/deletion-previews', {
    body: { selection },
    ...(key !== undefined && { key }),
  });

const startDeletion = (body: unknown, key?: string) =>
  api().call('POST', '/v1/deletions', {
    body,
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });

test('a preview counts all matching users and the held users, and shows at most 100 users', async () => {
  await api().addUsers('one', 1_000, 'rest');
  await api().addUsers('one', 250, 'churned');
  await api().addUsers('two', 30, 'churned');
  await query("UPDATE users SET legal_hold = true WHERE user_id = 'churned-00007'");
  const answer = await preview(having('churned'));
  expect(answer.status).toBe(201);
  expect(answer.body).toMatchObject({ count: 250, held: 1 });
  expect(answer.body.selection).toEqual(having('churned'));
  expect(answer.body.sample).toHaveLength(100);
  expect(answer.body.sample[7]).toMatchObject({ userId: 'churned-00007', legalHold: true });
  const minutes = (Date.parse(answer.body.expiresAt) - Date.now()) / 60_000;
  expect(minutes).toBeGreaterThan(14);
  expect(minutes).toBeLessThanOrEqual(15);
  const { rows } = await query(
    'SELECT recorded_in >= pg_snapshot_xmax(snapshot) AND xmin = recorded_in::xid AS ok FROM previews WHERE id = $1',
    [answer.body.id],
  );
  expect(rows[0].ok).toBe(true);
});

test('a confirmed preview starts one job with the frozen filter, and cannot be confirmed again', async () => {
  const { body: seen } = await preview(having('churned'));
  const body = { previewId: seen.id, confirm: { count: 250 }, reason: 'churned long ago' };
  const wrong = await startDeletion({ ...body, confirm: { count: 249 } });
  expect(wrong).toMatchObject({ status: 409, body: { type: '/problems/selection-changed' } });
  const started = await startDeletion(body, 'confirm-1');
  expect(started.status).toBe(202);
  expect(started.headers['location']).toBe(`/v1/deletions/${started.body.id}`);
  expect(started.body).toMatchObject({ type: 'deletion', reason: 'churned long ago' });
  expect(started.body.selection).toEqual(having('churned'));
  const second = await startDeletion(body);
  expect(second).toMatchObject({ status: 409, body: { type: '/problems/wrong-state' } });
  await query("UPDATE previews SET expires_at = now() - interval '1 second' WHERE id = $1", [
    seen.id,
  ]);
  const again = await startDeletion(body, 'confirm-1');
  expect(again).toMatchObject({ status: 202, body: { id: started.body.id } });
  const late = await startDeletion(body);
  expect(late).toMatchObject({ status: 409, body: { data: { jobId: started.body.id } } });
});

test('simultaneous confirmations of one preview start one job', async () => {
  const { body: seen } = await preview(having('churned'));
  const body = { previewId: seen.id, confirm: { count: 250 }, reason: 'r' };
  const answers = await Promise.all([1, 2, 3, 4].map((n) => startDeletion(body, `race-${n}`)));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    202, 409, 409, 409,
  ]);
  const { body: other } = await preview(having('churned'));
  const same = await Promise.all(
    [1, 2, 3, 4].map(() => startDeletion({ ...body, previewId: other.id }, 'race-same')),
  );
  expect(new Set(same.map(({ body: job }) => job.id)).size).toBe(1);
  expect(same.every(({ status }) => status === 202)).toBe(true);
});

test('a preview whose job Temporal could not start can be confirmed again', async () => {
  const { body: seen } = await preview(having('churned'));
  const body = { previewId: seen.id, confirm: { count: 250 }, reason: 'r' };
  api().starter.isAway = true;
  expect((await startDeletion(body)).status).toBe(503);
  api().starter.isAway = false;
  expect((await startDeletion(body)).status).toBe(202);
});

test('a preview without users is shown, and cannot be confirmed', async () => {
  const seen = await preview(having('nobody-at-all'));
  expect(seen).toMatchObject({ status: 201, body: { count: 0, held: 0, sample: [] } });
  const body = { previewId: seen.body.id, confirm: { count: 0 }, reason: 'r' };
  expect(await startDeletion(body)).toMatchObject({
    status: 422,
    body: { type: '/problems/empty-selection' },
  });
});

test('a preview of another workspace and an unknown preview are not found', async () => {
  const { body: theirs } = await preview(having('churned'), api().keys.two);
  expect(theirs.count).toBe(30);
  for (const previewId of [theirs.id, uuidv7()]) {
    const answer = await startDeletion({ previewId, confirm: { count: 30 }, reason: 'r' });
    expect(answer.status).toBe(404);
  }
});

test('a deletion of at most 100 ids needs no preview, and the ids become targets of pass 1', async () => {
  const ids = ['churned-00001', 'not-there'];
  const answer = await startDeletion({ selection: { type: 'ids', ids }, reason: 'asked for it' });
  expect(answer).toMatchObject({ status: 202, body: { selection: { type: 'ids', count: 2 } } });
  expect(answer.text).not.toContain('not-there');
  const { rows } = await query(
    'SELECT pass, user_id FROM job_targets WHERE job_id = $1 ORDER BY 2',
    [answer.body.id],
  );
  expect(rows).toEqual(ids.map((user_id) => ({ pass: 1, user_id })));
  const tooMany = Array.from({ length: 101 }, (_, n) => `u${n}`);
  const refused = await startDeletion({ selection: { type: 'ids', ids: tooMany }, reason: 'r' });
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: '/selection/ids' }] } });
});

test('the ids of a preview become targets when the preview is confirmed', async () => {
  const { body: seen } = await preview({ type: 'ids', ids: ['churned-00001', 'not-there'] });
  expect(seen.count).toBe(1);
  const { body: job } = await startDeletion({
    previewId: seen.id,
    confirm: { count: 1 },
    reason: 'r',
  });
  expect(job.selection).toEqual({ type: 'ids', count: 2 });
  const { rows } = await query('SELECT count(*) AS n FROM job_targets WHERE job_id = $1', [job.id]);
  expect(rows[0].n).toBe(2);
});

test.each([
  [{}, ['/selection', '/reason']],
  [{ selection: { type: 'ids', ids: ['a'] } }, ['/reason']],
  [{ selection: { type: 'ids', ids: ['a'] }, reason: '  ' }, ['/reason']],
  [{ selection: { type: 'ids', ids: ['a'] }, reason: null }, ['/reason']],
  [{ selection: { type: 'ids', ids: [] }, reason: 'r' }, ['/selection/ids']],
  [{ selection: { type: 'ids', ids: ['a', 7] }, reason: 'r' }, ['/selection/ids/1']],
  [{ selection: { type: 'ids', ids: ['a', 'a'] }, reason: 'r' }, ['/selection/ids/1']],
  [{ selection: { type: 'ids', ids: ['a'] }, reason: 'r', notify: 'no' }, ['/notify']],
  [{ selection: { type: 'ids', ids: ['a'] }, reason: 'r', force: true }, ['/force']],
  [{ previewId: 'x', confirm: { count: 1 }, reason: 'r' }, ['/previewId']],
  [{ previewId: uuidv7(), reason: 'r' }, ['/confirm']],
  [{ previewId: uuidv7(), confirm: { count: '1' }, reason: 'r' }, ['/confirm/count']],
  [{ previewId: uuidv7(), confirm: { count: 1.5 }, reason: 'r' }, ['/confirm/count']],
  [{ previewId: uuidv7(), confirm: { count: 1, x: 1 }, reason: 'r' }, ['/confirm/x']],
  [{ previewId: uuidv7(), confirm: { count: 1 }, reason: 'x'.repeat(1001) }, ['/reason']],
  [[], ['']],
])('POST /v1/deletions points to each wrong field in %j', async (body, pointers) => {
  const answer = await startDeletion(body);
  expect(answer).toMatchObject({ status: 400, body: { type: '/problems/invalid-request' } });
  expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual(pointers);
});

test.each([
  [{ selection: { type: 'all' } }, '/selection/type'],
  [{ selection: { type: 'filter', filter: {} } }, '/selection/filter'],
  [{ selection: { type: 'filter', filter: { and: [] } } }, '/selection/filter/and'],
  [
    { selection: { type: 'filter', filter: { field: 'nope', op: 'is', value: 'x' } } },
    '/selection/filter/field',
  ],
  [{ selection: { type: 'segment', segmentId: 'x' } }, '/selection/segmentId'],
  [{ selection: { type: 'ids', ids: ['a'], excludeIds: ['a'] } }, '/selection/excludeIds'],
  [{}, '/selection'],
])('POST /v1/deletion-previews points to the wrong field in %j', async (body, pointer) => {
  const answer = await api().call('POST', '/v1/deletion-previews', { body });
  expect(answer.status).toBe(400);
  expect(answer.body.errors[0].pointer.startsWith(pointer)).toBe(true);
});

test('the deletion of one user answers 202 and mails only on request, and an unknown user answers 404', async () => {
  const { call } = api();
  const answer = await call('DELETE', '/v1/users/churned-00002');
  expect(answer).toMatchObject({ status: 202, body: { reason: 'single user deletion' } });
  const asked = await call('DELETE', '/v1/users/churned-00003?notify=true&reason=GDPR');
  expect(asked.body.reason).toBe('GDPR');
  const { rows } = await query('SELECT options FROM jobs WHERE id = ANY ($1) ORDER BY created_at', [
    [answer.body.id, asked.body.id],
  ]);
  expect(rows.map(({ options }) => options.notify)).toEqual([false, true]);
  expect((await call('DELETE', '/v1/users/not-there')).status).toBe(404);
  expect((await call('DELETE', '/v1/users/churned-00100', { key: api().keys.two })).status).toBe(
    404,
  );
  expect((await call('DELETE', '/v1/users/churned-00002?notify=yes')).body.errors[0].pointer).toBe(
    '?notify',
  );
  const long = encodeURIComponent('💜'.repeat(255));
  expect([400, 404]).toContain((await call('DELETE', `/v1/users/${long}`)).status);
});

test('Prefer: wait answers 200 when the job ends in time, and 202 otherwise', async () => {
  const { call, starter } = api();
  const late = await call('DELETE', '/v1/users/churned-00004', { headers: { prefer: 'wait=1' } });
  expect(late.status).toBe(202);
  expect(late.headers['preference-applied']).toBe('wait=1');
  const { start } = starter;
  starter.start = async (job) => {
    setTimeout(() => {
      void query("UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1", [
        job.id,
      ]);
    }, 200);
  };
  const done = await call('DELETE', '/v1/users/churned-00005', {
    headers: { prefer: 'respond-async, wait=30' },
  });
  starter.start = start;
  expect(done).toMatchObject({ status: 200, body: { state: 'succeeded' } });
});

/** The text of a list in an answer, exactly as it was sent. */
const listIn = (text: string, name: string): string =>
  new RegExp(`"${name}":(\\[.*\\])`).exec(text)?.[1] ?? name;

test('a preview shows the values of users with the same digits as GET /v1/users', async () => {
  await query(
    `INSERT INTO users (workspace_id, user_id, created_at, dob, tags, properties)
     VALUES ('two', 'exact-1', '2026-01-02T03:04:05.678901Z', '0044-03-15', '{a,"b c"}',
             '{"big": 12345678901234567890.123456789}'),
            ('two', 'exact-2', 'infinity', '-infinity', NULL, '{}')`,
  );
  const { call, keys } = api();
  const filter = JSON.stringify(having('exact').filter);
  const listed = await call('GET', `/v1/users?filter=${encodeURIComponent(filter)}`, {
    key: keys.two,
  });
  const seen = await preview(having('exact'), keys.two);
  expect(seen.status).toBe(201);
  expect(seen.text).toContain('12345678901234567890.123456789');
  expect(seen.text).toContain('2026-01-02T03:04:05.678901Z');
  expect(listIn(seen.text, 'sample')).toBe(listIn(listed.text, 'data'));
});

test('a deletion that is cancelled while queued counts all its users as unprocessed', async () => {
  const { call } = api();
  const ids = ['churned-00003', 'churned-00004', 'not-there'];
  const chosen = await startDeletion({ selection: { type: 'ids', ids }, reason: 'r' });
  const { body: seen } = await preview(having('churned-0001'));
  const confirm = { count: seen.count };
  const filtered = await startDeletion({ previewId: seen.id, confirm, reason: 'r' });
  for (const [job, selected] of [
    [chosen.body, 3],
    [filtered.body, 10],
  ]) {
    const { status, body } = await call('POST', `/v1/jobs/${job.id}/cancel`);
    expect({ status, state: body.state }).toEqual({ status: 202, state: 'cancelled' });
    const none = { deleted: 0, changedSinceBackup: 0, notFound: 0, held: 0, failed: 0 };
    expect(body.counts).toEqual({ ...none, selected, unprocessed: selected });
  }
  const retrySelects = async ({ id }: { id: string }) =>
    (await call('GET', `/v1/jobs/${id}`)).body.retrySelects;
  expect(await retrySelects(chosen.body)).toBe('left');
  expect(await retrySelects(filtered.body)).toBe('again');
});

test('a preview tells the filter that its segment has now, with a timestamp for a relative date', async () => {
  const filter = { field: 'createdAt', op: 'lt', value: { daysAgo: 1 } };
  const segment = { name: 'Early', filter };
  const { body } = await api().call('POST', '/v1/segments', { body: segment });
  const seen = await preview({ type: 'query', segmentId: body.id, excludeIds: ['churned-00001'] });
  expect(seen.body.selection).toEqual({
    type: 'query',
    segmentId: body.id,
    segmentName: 'Early',
    segmentFilter: { ...filter, value: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string },
    excludedCount: 1,
  });
  const list = async () =>
    (await api().call('GET', `/v1/users?limit=1&segmentId=${body.id}`)).body.segmentUpdatedAt;
  expect(seen.body.segmentUpdatedAt).toBe(body.updatedAt);
  expect(await list()).toBe(body.updatedAt);
  await api().call('PATCH', `/v1/segments/${body.id}`, { body: { name: 'Earlier' } });
  expect(await list()).not.toBe(body.updatedAt);
  expect((await preview(having('churned'))).body).not.toHaveProperty('segmentUpdatedAt');
});
