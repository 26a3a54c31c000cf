import { beforeAll, expect, test } from 'vitest';
import { makeExport, makeJob } from '../support/export-rows.ts';
import { uploadList } from '../support/multipart.ts';
import { useApi } from './support.ts';

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const makeList = async (file: string): Promise<string> => (await uploadList(api(), file)).body.id;

const targetsOf = async (jobId: string): Promise<string[]> => {
  const { rows } = await query('SELECT user_id FROM job_targets WHERE job_id = $1 ORDER BY 1', [
    jobId,
  ]);
  return rows.map((row) => row.user_id);
};

beforeAll(async () => {
  await api().addUsers('one', 50, 'u');
});

const backupOf = async (deleted: string[]): Promise<string> => {
  const { owner } = api().database;
  const common = { workspaceId: 'one', keyId: api().keyIds.one, type: 'deletion' as const };
  const jobId = await makeJob(owner.db, common);
  await query(`UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1`, [jobId]);
  const wanted = { jobId, workspaceId: 'one', purpose: 'backup' as const };
  const { id } = await makeExport({ db: owner.db }, wanted);
  await query(
    `INSERT INTO deletion_batches (export_id, attempt, part, cursor, deleted_ids, failed_ids, reasons)
     VALUES ($1, 1, 1, 0, $2, '{}', '{}')`,
    [id, deleted],
  );
  return id;
};

const restore = (backupId: string, what: 'restores' | 'restore-previews', body: object) =>
  api().call('POST', `/v1/backups/${backupId}/${what}`, { body });

test('a restore takes a list of ids, and reports whom the backup did not delete', async () => {
  const backupId = await backupOf(['gone-1', 'gone-2', 'u-00040']);
  const listId = await makeList('userId\ngone-1\nu-00040\nu-00041\nother\ngone-1\n');
  expect((await restore(backupId, 'restore-previews', { listId })).body).toEqual({
    restorable: 1,
    present: 1,
    notFound: 2,
    notFoundSample: ['other', 'u-00041'],
  });
  const { status, body: job } = await restore(backupId, 'restores', { listId });
  expect(status).toBe(202);
  expect(job.selection).toEqual({ type: 'list', listId, count: 4 });
  expect(await targetsOf(job.id)).toEqual(['gone-1', 'other', 'u-00040', 'u-00041']);
  const byIds = await restore(backupId, 'restore-previews', { ids: ['gone-2', 'other'] });
  expect(byIds.body).toMatchObject({ restorable: 1, notFound: 1, notFoundSample: ['other'] });
});

test('a restore by mail addresses, by two ways at once or by no list is refused and says why', async () => {
  const backupId = await backupOf(['gone-1']);
  const mails = await makeList('email\ngone@x.example\n');
  const ids = await makeList('userId\ngone-1\n');
  for (const what of ['restores', 'restore-previews'] as const) {
    expect(await restore(backupId, what, { listId: mails })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/listId', detail: expect.stringContaining('mail addresses') }] },
    });
    expect(await restore(backupId, what, { listId: ids, ids: ['gone-1'] })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/listId' }] },
    });
    expect((await restore(backupId, what, { listId: backupId })).status).toBe(404);
  }
});
