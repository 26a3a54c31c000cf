import { beforeAll, expect, test } from 'vitest';
import { MAX_PREVIEWED_USERS } from '../../../db/deletions/previews.ts';
import { uploadList } from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const makeList = async (file: string): Promise<string> => {
  const { status, body } = await uploadList(api(), file);
  expect(status).toBe(201);
  return body.id;
};

const preview = (selection: unknown) =>
  api().call('POST', '/v1/deletion-previews', { body: { selection } });

const confirm = (previewId: string, count: number) =>
  api().call('POST', '/v1/deletions', {
    body: { previewId, confirm: { count }, reason: 'The user requested erasure' },
  });

const targetsOf = async (jobId: string): Promise<string[]> => {
  const { rows } = await query(
    'SELECT user_id FROM job_targets WHERE job_id = $1 AND pass = 1 ORDER BY 1',
    [jobId],
  );
  return rows.map((row) => row.user_id);
};

/**
 * `u-00000` … have email addresses of their own, but two users share one. Users of the other
 * workspace have the same addresses.
 */
beforeAll(async () => {
  await api().addUsers('one', 200, 'u');
  await api().addUsers('two', 20, 'u');
  await query(
    `UPDATE users SET email = CASE WHEN user_id IN ('u-00150', 'u-00151') THEN 'Shared@x.example'
       ELSE user_id || '@X.example' END, legal_hold = user_id = 'u-00003'`,
  );
});

test('a preview of a list of ids shows its users and the unknown entries, and its job has these users', async () => {
  const listId = await makeList('userId\nu-00002\nnobody\nu-00003\nu-00002\nU-00004\n');
  const seen = await preview({ type: 'list', listId });
  expect(seen.status).toBe(201);
  expect(seen.body).toMatchObject({
    count: 2,
    held: 1,
    sample: [{ userId: 'u-00002' }, { userId: 'u-00003' }],
    notFound: 2,
    notFoundSample: [
      { line: 3, entry: 'nobody' },
      { line: 6, entry: 'U-00004' },
    ],
    ambiguous: 0,
    ambiguousSample: [],
  });
  const { body: job } = await confirm(seen.body.id, 2);
  expect(job.selection).toEqual({ type: 'list', listId, count: 2 });
  expect(await targetsOf(job.id)).toEqual(['u-00002', 'u-00003']);
  const { rows } = await query('SELECT selection FROM previews WHERE id = $1', [seen.body.id]);
  expect(rows[0].selection).toEqual({ type: 'list', listId, count: 2 });
});

test('invisible characters in an entry that was not found are shown', async () => {
  const listId = await makeList('userId\nu-00002\nu-00002\u200B\n u-00002\n');
  const { body } = await preview({ type: 'list', listId });
  expect(body.notFoundSample).toEqual([
    { line: 3, entry: 'u-00002[U+200B]' },
    { line: 4, entry: '[U+0020]u-00002' },
  ]);
  const byIds = await preview({ type: 'ids', ids: ['u-00002', 'u 1\u00A0'] });
  expect(byIds.body.notFoundSample).toEqual([{ entry: 'u 1[U+00A0]' }]);
});

test('email addresses select users in any case, and an address of several users selects none of them', async () => {
  const listId = await makeList(
    'email\nU-00005@x.EXAMPLE\nshared@x.example\nnobody@x.example\nu-00006@X.example\n',
  );
  const { body: seen } = await preview({ type: 'list', listId });
  expect(seen).toMatchObject({
    count: 2,
    notFound: 1,
    notFoundSample: [{ line: 4, entry: 'nobody@x.example' }],
    ambiguous: 1,
    ambiguousSample: [{ line: 3, entry: 'shared@x.example', users: 2 }],
  });
  const { body: job } = await confirm(seen.id, 2);
  expect(await targetsOf(job.id)).toEqual(['u-00005', 'u-00006']);
});

test('a job deletes the users of its preview, although their email addresses have changed since', async () => {
  const listId = await makeList('email\nu-00010@x.example\nu-00011@x.example\nfree@x.example\n');
  const { body: seen } = await preview({ type: 'list', listId });
  expect(seen.count).toBe(2);
  await query(`UPDATE users SET email = 'moved@x.example' WHERE user_id = 'u-00010'`);
  await query(
    `UPDATE users SET email = 'u-00010@x.example' WHERE workspace_id = 'one' AND user_id = 'u-00100'`,
  );
  await query(
    `INSERT INTO users (workspace_id, user_id, email) VALUES ('one', 'new', 'FREE@x.example')`,
  );
  expect((await api().call('DELETE', `/v1/user-lists/${listId}`)).status).toBe(204);
  const { body: job } = await confirm(seen.id, 2);
  expect(await targetsOf(job.id)).toEqual(['u-00010', 'u-00011']);
});

test('a preview whose job Temporal could not start is confirmed again with the same users', async () => {
  const listId = await makeList('userId\nu-00012\n');
  const { body: seen } = await preview({ type: 'list', listId });
  api().starter.isAway = true;
  expect((await confirm(seen.id, 1)).status).toBe(503);
  api().starter.isAway = false;
  const { body: job } = await confirm(seen.id, 1);
  expect(await targetsOf(job.id)).toEqual(['u-00012']);
});

test('a list that matches no user has an empty preview, and cannot be confirmed', async () => {
  for (const file of ['userId\nnobody\n', 'email\nnobody@x.example\nSHARED@x.example\n']) {
    const listId = await makeList(file);
    const { body: seen } = await preview({ type: 'list', listId });
    expect(seen).toMatchObject({ count: 0, sample: [] });
    expect(await confirm(seen.id, 0)).toMatchObject({
      status: 422,
      body: { type: '/problems/empty-selection' },
    });
  }
});

test('a list of nearly all users is refused like any other selection, and none of its users is stored', async () => {
  const { rows } = await query(`SELECT user_id FROM users WHERE workspace_id = 'one'`);
  const file = ['userId', ...rows.map((row) => row.user_id)].join('\n');
  const before = await query('SELECT FROM preview_targets');
  const answer = await preview({ type: 'list', listId: await makeList(file) });
  expect(answer).toMatchObject({
    status: 409,
    body: { type: '/problems/delete-all-required' },
  });
  expect((await query('SELECT FROM preview_targets')).rowCount).toBe(before.rowCount);
  const most = ['userId', ...rows.slice(0, 120).map((row) => row.user_id)].join('\n');
  const allowed = await preview({ type: 'list', listId: await makeList(most) });
  expect(allowed).toMatchObject({ status: 201, body: { count: 120 } });
});

test('list previews store a limited number of users, and removed previews make room', async () => {
  const selection = { type: 'list', listId: await makeList('userId\nu-00021\n') };
  const { body: seen } = await preview(selection);
  const fill = (count: number) =>
    api().database.owner.pool.query('UPDATE previews SET count = $2 WHERE id = $1', [
      seen.id,
      count,
    ]);
  await fill(MAX_PREVIEWED_USERS);
  expect(await preview(selection)).toMatchObject({
    status: 409,
    body: { type: '/problems/limit-reached' },
  });
  expect((await preview({ type: 'ids', ids: ['u-00021'] })).status).toBe(201);
  const storedAfter = async (minutes: number) => {
    await query(
      `UPDATE previews SET expires_at = now() - make_interval(mins => $2) WHERE id = $1`,
      [seen.id, minutes],
    );
    await query('SELECT erase_preview_targets()');
    const { rowCount } = await query('SELECT FROM preview_targets WHERE preview_id = $1', [
      seen.id,
    ]);
    return rowCount;
  };
  expect(await storedAfter(59)).toBe(1);
  expect((await preview(selection)).status).toBe(409);
  expect(await storedAfter(61)).toBe(0);
  expect((await preview(selection)).status).toBe(201);
});

test('a deletion by a list requires a preview, also for a short list', async () => {
  const selection = { type: 'list', listId: await makeList('userId\nu-00020\n') };
  const answer = await api().call('POST', '/v1/deletions', { body: { selection, reason: 'r' } });
  expect(answer).toMatchObject({
    status: 400,
    body: {
      errors: [{ pointer: '/selection/type', detail: expect.stringContaining('preview first') }],
    },
  });
});

test('an export by a list has the users that match at the time of the request', async () => {
  const listId = await makeList('email\nu-00030@x.example\nnobody@x.example\nshared@x.example\n');
  const headers = { 'idempotency-key': 'export-list' };
  const body = { selection: { type: 'list', listId } };
  const started = await api().call('POST', '/v1/exports', { body, headers });
  expect(started).toMatchObject({
    status: 202,
    body: { selection: { type: 'list', listId, count: 1, entries: 3 } },
  });
  expect(await targetsOf(started.body.id)).toEqual(['u-00030']);
  const again = await api().call('POST', '/v1/exports', { body, headers });
  expect(again.body.id).toBe(started.body.id);
  const nobody = await makeList('userId\nnobody\n');
  const none = await api().call('POST', '/v1/exports', {
    body: { selection: { type: 'list', listId: nobody } },
  });
  expect(none.body.selection).toMatchObject({ count: 0 });
});

test('a preview of ids reports the ids that were not found', async () => {
  const { body } = await preview({ type: 'ids', ids: ['u-00050', 'zz', 'aa'] });
  expect(body).toMatchObject({
    count: 1,
    notFound: 2,
    notFoundSample: [{ entry: 'zz' }, { entry: 'aa' }],
  });
  expect(body).not.toHaveProperty('ambiguous');
});

test('a preview reports the excluded ids that exclude no user', async () => {
  const filter = { field: 'userId', op: 'contains', value: 'u-0006' };
  const excludeIds = ['u-00060', 'typo', 'u-00100', 'u-00061'];
  const { body } = await preview({ type: 'filter', filter, excludeIds });
  expect(body).toMatchObject({
    count: 8,
    excludedNotFound: 1,
    excludedNotFoundSample: ['typo'],
    excludedNotMatching: 1,
    excludedNotMatchingSample: ['u-00100'],
  });
  const { body: segment } = await api().call('POST', '/v1/segments', {
    body: { name: 'sixties', filter },
  });
  const many = Array.from({ length: 150 }, (_, n) => `none-${n}`);
  const seen = await preview({ type: 'segment', segmentId: segment.id, excludeIds: many });
  expect(seen.body).toMatchObject({ count: 10, excludedNotFound: 150, excludedNotMatching: 0 });
  expect(seen.body.excludedNotFoundSample).toEqual(many.slice(0, 100));
  const plain = await preview({ type: 'filter', filter });
  expect(plain.body).not.toHaveProperty('excludedNotFound');
});
