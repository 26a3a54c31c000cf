import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { MAX_SUMMARIES_OF_WORKSPACE } from '../../../api/http/limits.ts';
import { useApi } from '../support.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';

const api = useApi();
const jobId = uuidv7();
const odd = ['=1+1', 'a,"b"', 'new\nline', '💜'];

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

/** Adds a backup with one part and batches of deleted users. */
const addBackup = async (pass: number, batches: string[][]): Promise<void> => {
  const exportId = uuidv7();
  await query(
    `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, state, attempt, rows, bytes,
                          sha256, verified_at, expires_at)
     VALUES ($1, $2, 'one', 'backup', $3, 'zstd', 'verified', 1, 9, 99, 'abc', now(), now() + interval '30 days')`,
    [exportId, jobId, pass],
  );
  await query(
    `INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint)
     VALUES ($1, 1, pg_current_snapshot(), 'f')`,
    [exportId],
  );
  await query(
    `INSERT INTO export_parts (export_id, attempt, part, rows, raw_bytes, bytes, sha256, deleted)
     VALUES ($1, 1, 1, 1000, 1, 1, 'x', $2)`,
    [exportId, batches.flat().length],
  );
  for (const [index, ids] of batches.entries()) {
    await query(
      `INSERT INTO deletion_batches (export_id, attempt, part, cursor, deleted_ids) VALUES ($1, 1, 1, $2, $3)`,
      [exportId, index * 100, ids],
    );
  }
};

const deleted = ['d1', 'd2', 'd3', 'd4', ...odd, 'e1'];

beforeAll(async () => {
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id)
     VALUES ($1, 'one', 'deletion', 'succeeded', '{"type":"ids","count":12}', $2)`,
    [jobId, api().keyIds.one],
  );
  await addBackup(1, [['d1', 'd2'], [], ['d3', 'd4', ...odd]]);
  await addBackup(2, [['e1']]);
  await query(
    `INSERT INTO outcomes VALUES ($1, 'h1', 'held', NULL), ($1, 'f1', 'failed', 'refused'), ($1, 'n1', 'notFound', NULL)`,
    [jobId],
  );
});

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const readAll = async (parameters: string): Promise<{ userId: string; outcome: string }[]> => {
  const all: { userId: string; outcome: string }[] = [];
  let cursor = '';
  do {
    const { status, body } = await api().call(
      'GET',
      `/v1/deletions/${jobId}/records?${parameters}${cursor}`,
    );
    expect(status).toBe(200);
    all.push(...body.data);
    cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
  } while (cursor !== '');
  return all;
};

const ids = async (parameters: string) => (await readAll(parameters)).map(({ userId }) => userId);

test('pages list deleted users and other outcomes once each, for every page size', async () => {
  const expected = [...deleted, 'f1', 'h1', 'n1'];
  for (const limit of [1, 2, 3, deleted.length, 12, 200]) {
    const records = await readAll(`limit=${limit}`);
    expect(records.map(({ userId }) => userId)).toEqual(expected);
  }
});

test('records are filtered by one outcome', async () => {
  expect((await readAll('outcome=deleted&limit=4')).map(({ userId }) => userId)).toEqual(deleted);
  expect(await readAll('outcome=failed&limit=1')).toEqual([
    { userId: 'f1', outcome: 'failed', reason: 'refused' },
  ]);
  expect(await readAll('outcome=unprocessed')).toEqual([]);
});

test('records are filtered by one reason, or by having none', async () => {
  expect(await ids('reason=refused&limit=1')).toEqual(['f1']);
  expect(await ids('reason=refused&outcome=failed')).toEqual(['f1']);
  expect(await ids('reason=refused&outcome=held')).toEqual([]);
  expect(await ids('reason=refuse')).toEqual([]);
  expect(await ids('reason=&limit=4')).toEqual([...deleted, 'h1', 'n1']);
  expect(await ids('reason=&outcome=held')).toEqual(['h1']);
  const tooLong = await api().call(
    'GET',
    `/v1/deletions/${jobId}/records?reason=${'x'.repeat(501)}`,
  );
  expect(tooLong).toMatchObject({ status: 400, body: { errors: [{ pointer: '?reason' }] } });
});

test('the summary counts users by outcome and reason, for every role of the workspace', async () => {
  const { call, keys } = api();
  const path = `/v1/deletions/${jobId}/records/summary`;
  const expected = [
    { outcome: 'deleted', reason: null, count: deleted.length },
    { outcome: 'failed', reason: 'refused', count: 1 },
    { outcome: 'held', reason: null, count: 1 },
    { outcome: 'notFound', reason: null, count: 1 },
  ];
  for (const key of [keys.one, keys.platform, keys.ops]) {
    expect((await call('GET', path, { key })).body).toEqual({ data: expected });
  }
  expect((await call('GET', path, { key: keys.two })).status).toBe(404);
  const asRestore = `/v1/restores/${jobId}/records/summary`;
  expect((await call('GET', asRestore)).status).toBe(404);
});

test('few summaries of a workspace are read at a time', async () => {
  const client = await api().database.owner.pool.connect();
  const summary = () => api().call('GET', `/v1/deletions/${jobId}/records/summary`);
  try {
    await client.query('BEGIN; LOCK TABLE restore_chunks IN ACCESS EXCLUSIVE MODE');
    const first = Array.from({ length: MAX_SUMMARIES_OF_WORKSPACE }, () => summary());
    const running = () => countLockWaits(api().database.owner.pool);
    await expect.poll(running).toBe(MAX_SUMMARIES_OF_WORKSPACE);
    expect(await summary()).toMatchObject({ status: 503, body: { type: '/problems/busy' } });
    await client.query('ROLLBACK');
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual(first.map(() => 200));
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
  expect((await summary()).status).toBe(200);
});

test('the summary of a restore counts restored users, and users that were there', async () => {
  const id = uuidv7();
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id)
     VALUES ($1, 'one', 'restore', 'running', '{"type":"all"}', $2)`,
    [id, api().keyIds.one],
  );
  const path = `/v1/restores/${id}/records/summary`;
  expect((await api().call('GET', path)).body).toEqual({ data: [] });
  await query(
    `INSERT INTO restore_chunks (job_id, part, restored, present, restored_ids)
     VALUES ($1, 1, 2, 3, '{a,b}'), ($1, 2, 1, 0, '{c}')`,
    [id],
  );
  await query(
    `INSERT INTO outcomes SELECT $1, 'p' || n, 'present', NULL FROM generate_series(1, 3) n`,
    [id],
  );
  expect((await api().call('GET', path)).body.data).toEqual([
    { outcome: 'present', reason: null, count: 3 },
    { outcome: 'restored', reason: null, count: 3 },
  ]);
  await query('UPDATE jobs SET finished_at = now(), erased_at = now() WHERE id = $1', [id]);
  expect(await api().call('GET', path)).toMatchObject({ status: 410 });
});

test('a cursor that the list did not return is refused', async () => {
  for (const cursor of [
    'x',
    encode({ skip: -1 }),
    encode({ skip: 1e18 }),
    encode([1]),
    encode(null),
  ]) {
    const answer = await api().call('GET', `/v1/deletions/${jobId}/records?cursor=${cursor}`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '?cursor' }] } });
  }
});

test('a cursor is refused for another job, outcome or reason', async () => {
  const other = uuidv7();
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id)
     VALUES ($1, 'one', 'deletion', 'succeeded', '{"type":"ids","count":1}', $2)`,
    [other, api().keyIds.one],
  );
  const at = (id: string, parameters: string) =>
    api().call('GET', `/v1/deletions/${id}/records?${parameters}`);
  // The first cursor is a position in the backup, and the second one a number of outcomes.
  for (const [outcome, reason, limit] of [
    ['', '', 2],
    ['', 'reason=&', deleted.length + 1],
    ['outcome=deleted&', '', 2],
  ] as const) {
    const { nextCursor } = (await at(jobId, `${outcome}${reason}limit=${limit}`)).body;
    const cursor = `cursor=${nextCursor}`;
    expect((await at(jobId, `${outcome}${reason}${cursor}`)).status).toBe(200);
    for (const answer of [
      await at(other, `${outcome}${reason}${cursor}`),
      await at(jobId, `outcome=failed&${reason}${cursor}`),
      await at(jobId, `${outcome}reason=refused&${cursor}`),
    ]) {
      expect(answer).toMatchObject({
        status: 400,
        body: { errors: [{ pointer: '?cursor', detail: 'must be a cursor of this list' }] },
      });
    }
  }
});

test('the log is a CSV attachment with exactly these records', async () => {
  const log = await api().call('GET', `/v1/deletions/${jobId}/log`);
  expect(log.status).toBe(200);
  expect(log.headers['content-type']).toMatch(/^text\/csv/);
  expect(log.headers['content-disposition']).toBe(`attachment; filename="deletion-${jobId}.csv"`);
  expect(log.text).toBe(
    "\uFEFFuserId,outcome,reason\nd1,deleted,\nd2,deleted,\nd3,deleted,\nd4,deleted,\n'=1+1,deleted,\n" +
      '"a,""b""",deleted,\n"new\nline",deleted,\n💜,deleted,\ne1,deleted,\nf1,failed,refused\n' +
      'h1,held,\nn1,notFound,\n',
  );
  const url = `/v1/deletions/${jobId}/log?spreadsheetSafe=false`;
  const plain = await api().call('GET', url);
  expect(plain.text).toBe(log.text.slice(1).replace("'=1+1", '=1+1'));
  expect((await api().call('GET', `${url}x`)).status).toBe(400);
});

test('repeated downloads of a log leave no connection open', async () => {
  for (let n = 0; n < 15; n++) {
    expect((await api().call('GET', `/v1/deletions/${jobId}/log`)).status).toBe(200);
  }
});

test('records and log are refused to other workspaces, and to roles that see no users', async () => {
  const { call, keys } = api();
  for (const path of [`/v1/deletions/${jobId}/records`, `/v1/deletions/${jobId}/log`]) {
    expect((await call('GET', path, { key: keys.two })).status).toBe(404);
    expect((await call('GET', `${path}?workspace=one`, { key: keys.ops })).status).toBe(403);
  }
});

test('backups are listed in their job and in the list of backups', async () => {
  const { call, keys } = api();
  const job = await call('GET', `/v1/deletions/${jobId}`);
  expect(job.body.result.backups).toMatchObject([
    { rows: 9, bytes: 99, sha256: 'abc' },
    { rows: 9, bytes: 99, sha256: 'abc' },
  ]);
  const first = await call('GET', `/v1/backups?deletionId=${jobId}&limit=1`);
  const second = await call('GET', `/v1/backups?limit=1&cursor=${first.body.nextCursor}`);
  expect([...first.body.data, ...second.body.data].map(({ pass }) => pass)).toEqual([2, 1]);
  expect(second.body.nextCursor).toBeNull();
  const { id } = first.body.data[0];
  const backup = await call('GET', `/v1/backups/${id}`, { key: keys.platform });
  expect(backup.body).toMatchObject({ id, deletionId: jobId, pass: 2, state: 'verified' });
  expect((await call('GET', `/v1/backups/${id}`, { key: keys.two })).status).toBe(404);
  expect((await call('GET', '/v1/backups', { key: keys.two })).body.data).toEqual([]);
  const ofAll = await call('GET', '/v1/backups', { key: keys.ops });
  expect(ofAll.body.data).toMatchObject([{ id, workspace: 'one' }, { workspace: 'one' }]);
});
