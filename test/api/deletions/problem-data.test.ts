import { beforeAll, expect, test } from 'vitest';
import {
  failureOf,
  createDeletionSteps,
  type DeletionSteps,
} from '../../support/steps/deletion.ts';
import { claimJob } from '../../../db/jobs/job-runs.ts';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';
import { useApi } from '../support.ts';

/** Problems and errors of jobs have their numbers and ids as data, and not only in sentences. */

const api = useApi();
let steps: DeletionSteps;

const post = (path: string, body: unknown, key = api().keys.one) =>
  api().call('POST', path, { key, body });

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const having = (text: string) => ({
  type: 'filter',
  filter: { field: 'userId', op: 'contains', value: text },
});

const preview = async (text: string) =>
  (await post('/v1/deletion-previews', { selection: having(text) })).body;

const confirm = (previewId: string, count: number) =>
  post('/v1/deletions', { previewId, confirm: { count }, reason: 'r' });

const problemOf = ({ status, body }: Awaited<ReturnType<typeof post>>) => ({
  status,
  type: body.type.replace('/problems/', ''),
  data: body.data,
});

/** Starts a deletion, and ends it with the failure of its backup, as the workflow does. */
const failBackup = async (selection: object, meanwhile: () => Promise<unknown>) => {
  const seen = await post('/v1/deletion-previews', { selection });
  const { id: previewId, count } = seen.body;
  await meanwhile();
  const { body: job } = await confirm(previewId, count);
  await claimJob(steps.deps.database.db, job.id, 'test-run');
  const failure = (await failureOf(steps.backUp(job.id))) as Error & {
    type: string;
    details: [Record<string, number>];
  };
  const { type, message, details } = failure;
  const end = { kind: 'failed', type, message, data: details[0] } as const;
  await steps.finish({ jobId: job.id, end });
  return (await api().call('GET', `/v1/jobs/${job.id}`)).body;
};

const move = (ids: string) => query(`UPDATE users SET city = 'Pune' WHERE user_id LIKE '${ids}'`);

beforeAll(async () => {
  steps = await createDeletionSteps(api().database);
  await api().addUsers('one', 200, 'user');
});

test('a deletion of nearly everyone states how many of how many users, and the percentage', async () => {
  const refused = await post('/v1/deletion-previews', { selection: having('user-001') });
  expect(refused.status).toBe(201);
  const all = await post('/v1/deletion-previews', { selection: having('user') });
  expect(problemOf(all)).toEqual({
    status: 409,
    type: 'delete-all-required',
    data: { selected: 200, taken: 0, all: 200, percent: 100 },
  });
  const most = await post('/v1/deletion-previews', {
    selection: { ...having('user'), excludeIds: ['user-00001', 'user-00002', 'user-00003'] },
  });
  expect(problemOf(most).data).toEqual({ selected: 197, taken: 0, all: 200, percent: 98.5 });
});

test('a confirmation of another count states the confirmed and the found number', async () => {
  const { id, count } = await preview('user-0001');
  expect(problemOf(await confirm(id, count + 1))).toEqual({
    status: 409,
    type: 'selection-changed',
    data: { confirmed: count + 1, found: count },
  });
});

test('a second confirmation states the job, also with another count or after the expiry', async () => {
  const { id, count } = await preview('user-0002');
  const { body: job } = await confirm(id, count);
  const used = { status: 409, type: 'wrong-state', data: { jobId: job.id } };
  expect(problemOf(await confirm(id, count))).toEqual(used);
  expect(problemOf(await confirm(id, count + 1))).toEqual(used);
  await query(`UPDATE previews SET expires_at = now() - interval '1 second' WHERE id = $1`, [id]);
  expect(problemOf(await confirm(id, count))).toEqual(used);
  const foreign = { previewId: id, confirm: { count }, reason: 'r' };
  expect((await post('/v1/deletions', foreign, api().keys.two)).status).toBe(404);
});

test('a job that has ended or was retried states which job to look at', async () => {
  const { body: job } = await post('/v1/exports', { selection: { type: 'all' } });
  const cancel = () => post(`/v1/jobs/${job.id}/cancel`, undefined);
  expect((await cancel()).status).toBe(202);
  await query(`UPDATE jobs SET state = 'failed' WHERE id = $1`, [job.id]);
  expect(problemOf(await cancel()).data).toEqual({ jobId: job.id });
  const retry = await post(`/v1/jobs/${job.id}/retry`, {});
  expect(retry.status).toBe(202);
  expect(problemOf(await post(`/v1/jobs/${job.id}/retry`, {}))).toEqual({
    status: 409,
    type: 'wrong-state',
    data: { jobId: retry.body.id },
  });
  expect(problemOf(await post(`/v1/jobs/${retry.body.id}/retry`, {})).data).toEqual({
    jobId: retry.body.id,
  });
});

test('a second delete-all request states the open one, and a decision states its request', async () => {
  const { body: first } = await post('/v1/delete-all-requests', { reason: 'r' });
  expect(problemOf(await post('/v1/delete-all-requests', { reason: 'r' }))).toEqual({
    status: 409,
    type: 'request-already-open',
    data: { requestId: first.id },
  });
  await query(
    `UPDATE delete_all_requests SET state = 'denied', finished_at = now() WHERE id = $1`,
    [first.id],
  );
  const late = await post(`/v1/delete-all-requests/${first.id}/withdraw`, {});
  expect(problemOf(late)).toEqual({
    status: 409,
    type: 'wrong-state',
    data: { requestId: first.id },
  });
});

test('a restore states the deletion that has not ended, or that verified no backup', async () => {
  const { database, keyIds } = api();
  const { db } = database.owner;
  const deletion = { workspaceId: 'one', keyId: keyIds.one, type: 'deletion' as const };
  const jobId = await makeJob(db, deletion);
  const { id } = await makeExport({ db }, { jobId, workspaceId: 'one', purpose: 'backup' });
  const wanted = { status: 409, type: 'wrong-state', data: { jobId } };
  const restore = async () => problemOf(await post(`/v1/backups/${id}/restores`, {}));
  expect(await restore()).toEqual(wanted);
  await query(`UPDATE jobs SET state = 'failed', finished_at = now() WHERE id = $1`, [jobId]);
  await query(`UPDATE exports SET state = 'written' WHERE id = $1`, [id]);
  expect(await restore()).toEqual(wanted);
});

test('a job that found more users than were confirmed has both numbers in its error', async () => {
  await move('user-0019%');
  const inPune = { type: 'filter', filter: { field: 'city', op: 'is', value: 'Pune' } };
  const { error } = await failBackup(inPune, () => move('user-0018%'));
  expect(error).toMatchObject({ type: 'selectionChanged', data: { confirmed: 10, found: 20 } });
});

test('a job that would delete nearly everyone has the numbers of the rule in its error', async () => {
  const { error } = await failBackup(having('user-000'), () =>
    query(`DELETE FROM users WHERE workspace_id = 'one' AND user_id NOT LIKE 'user-000%'`),
  );
  expect(error).toMatchObject({
    type: 'deleteAllRequired',
    data: { selected: 100, taken: 0, all: 100, percent: 100 },
  });
});

test('an error of another type has no data', async () => {
  const { body: job } = await post('/v1/exports', { selection: { type: 'all' } });
  await claimJob(steps.deps.database.db, job.id, 'test-run');
  const end = { kind: 'failed', type: 'storageFull', message: 'm', data: { free: 0 } } as const;
  await steps.finish({ jobId: job.id, end });
  const { body } = await api().call('GET', `/v1/jobs/${job.id}`);
  expect(body.error).toEqual({ type: 'storageFull', message: 'm' });
});
