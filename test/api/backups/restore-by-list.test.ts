import { beforeAll, expect, test } from 'vitest';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';
import { uploadList } from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

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

test('a restore accepts a list of ids, and reports the ids that the backup did not delete', async () => {
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

const addressesOf = async (jobId: string): Promise<string[]> => {
  const { rows } = await query('SELECT address FROM job_addresses WHERE job_id = $1 ORDER BY 1', [
    jobId,
  ]);
  return rows.map((row) => row.address);
};

test('a restore accepts a list of email addresses, and the retry of a cancelled restore has the same addresses', async () => {
  const backupId = await backupOf(['gone-1']);
  const listId = await makeList('email\nGone@x.example\nother@x.example\nGONE@x.example\n');
  const { status, body: job } = await restore(backupId, 'restores', { listId });
  expect(status).toBe(202);
  expect(job.selection).toEqual({ type: 'list', listId, count: 2 });
  expect(await targetsOf(job.id)).toEqual([]);
  expect(await addressesOf(job.id)).toEqual(['gone@x.example', 'other@x.example']);
  expect((await api().call('DELETE', `/v1/user-lists/${listId}`)).status).toBe(204);
  const { body: cancelled } = await api().call('POST', `/v1/jobs/${job.id}/cancel`);
  const none = { restored: 0, present: 0, notFound: 0, failed: 0 };
  expect(cancelled).toMatchObject({
    state: 'cancelled',
    counts: { ...none, selected: 2, unprocessed: 2 },
  });
  expect(JSON.stringify(cancelled)).not.toContain('x.example');
  const retry = await api().call('POST', `/v1/jobs/${job.id}/retry`);
  expect(retry.status).toBe(202);
  expect(await addressesOf(retry.body.id)).toEqual(['gone@x.example', 'other@x.example']);
  const gone = await restore(backupId, 'restores', { listId });
  expect(gone.status).toBe(404);
});

test('email addresses that restored no user are in the log, guarded against formulas like all other values', async () => {
  const backupId = await backupOf(['gone-1']);
  const listId = await makeList('email\ngone@x.example\n');
  const { body: job } = await restore(backupId, 'restores', { listId });
  await query('DELETE FROM job_addresses WHERE job_id = $1', [job.id]);
  const address = 'mailto:a;=1+1@x.example';
  await query(`INSERT INTO outcomes VALUES ($1, $2, 'notFound', 'notDeleted')`, [job.id, address]);
  await query(`UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1`, [job.id]);
  const path = `/v1/restores/${job.id}`;
  const { body: records } = await api().call('GET', `${path}/records`);
  expect(records.data).toEqual([{ userId: address, outcome: 'notFound', reason: 'notDeleted' }]);
  const plain = await api().call('GET', `${path}/log?spreadsheetSafe=false`);
  expect(plain.text).toBe(`userId,outcome,reason\n${address},notFound,notDeleted\n`);
  expect((await api().call('GET', `${path}/log`)).text).toContain(`mailto:a;'=1+1@x.example`);
});

test('a restore preview by email addresses is refused, and the error says to start the restore with the list', async () => {
  const backupId = await backupOf(['gone-1']);
  const listId = await makeList('email\ngone@x.example\n');
  expect(await restore(backupId, 'restore-previews', { listId })).toMatchObject({
    status: 422,
    body: {
      errors: [
        {
          pointer: '/listId',
          detail: expect.stringMatching(
            /is a list of email addresses.*Start the restore with the list/,
          ),
        },
      ],
    },
  });
});

test('a restore by a list and ids together, or by an unknown list, is refused with the reason', async () => {
  const backupId = await backupOf(['gone-1']);
  const ids = await makeList('userId\ngone-1\n');
  for (const what of ['restores', 'restore-previews'] as const) {
    expect(await restore(backupId, what, { listId: ids, ids: ['gone-1'] })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/listId', detail: 'must not be given together with ids' }] },
    });
    expect(await restore(backupId, what, { listId: backupId })).toMatchObject({
      status: 404,
      body: { type: '/problems/not-found', detail: expect.stringContaining('list') },
    });
  }
});
