import { uuidv7 } from 'uuidv7';
import { beforeAll, expect, test } from 'vitest';
import { upload, uploadList } from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

/** A preview of the selection of an earlier job, and the name of its segment. */

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const post = async (path: string, body: unknown, key = api().keys.one) => {
  const answer = await api().call('POST', path, { key, body });
  expect([201, 202]).toContain(answer.status);
  return answer.body;
};

const previewOf = (jobId: string, key = api().keys.one) =>
  api().call('POST', '/v1/deletion-previews', { key, body: { ofJob: jobId } });

const exportOf = (selection: unknown) => post('/v1/exports', { selection });

const confirm = (preview: { id: string; count: number }) =>
  post('/v1/deletions', {
    previewId: preview.id,
    confirm: { count: preview.count },
    reason: 'again',
  });

const targetsOf = async (jobId: string): Promise<string[]> => {
  const { rows } = await query(
    'SELECT user_id FROM job_targets WHERE job_id = $1 AND pass = 1 ORDER BY 1',
    [jobId],
  );
  return rows.map((row) => row.user_id);
};

const inIndia = { field: 'country', op: 'is', value: 'IN' };

beforeAll(async () => {
  await api().addUsers('one', 100, 'u');
  await query(`UPDATE users SET country = 'IN' WHERE user_id < 'u-00010'`);
});

test('a job keeps the name and filter of its segment after the segment is renamed and deleted', async () => {
  const segment = await post('/v1/segments', { name: 'India', filter: inIndia });
  const selection = { type: 'segment', segmentId: segment.id };
  const preview = await post('/v1/deletion-previews', { selection });
  const frozen = { ...selection, segmentName: 'India', filter: inIndia };
  const change = { name: 'Germany', filter: { field: 'country', op: 'is', value: 'DE' } };
  await api().call('PATCH', `/v1/segments/${segment.id}`, { body: change });
  const deletion = await confirm(preview);
  expect(deletion.selection).toEqual(frozen);
  await api().call('DELETE', `/v1/segments/${segment.id}`);
  const shown = await api().call('GET', `/v1/jobs/${deletion.id}`);
  expect(shown.body.selection).toEqual(frozen);
  // The name of a segment may name users.
  const forOps = selection;
  const asOps = await api().call('GET', `/v1/jobs/${deletion.id}`, { key: api().keys.ops });
  expect(asOps.body.selection).toEqual(forOps);

  const again = await previewOf(deletion.id);
  expect(again).toMatchObject({ status: 201, body: { count: 10 } });
  expect((await confirm(again.body)).selection).toEqual(frozen);
});

test('a preview of a job of a filter or query has the users that match it now', async () => {
  const exported = await exportOf({
    type: 'query',
    q: 'u-0000',
    filter: inIndia,
    excludeIds: ['u-00001', 'u-00050'],
  });
  expect((await previewOf(exported.id)).body).toMatchObject({
    count: 9,
    excludedNotMatchingSample: ['u-00050'],
  });
  await query(`UPDATE users SET country = 'DE' WHERE user_id = 'u-00002'`);
  expect((await previewOf(exported.id)).body.count).toBe(8);
});

test('a relative date is the date of the earlier job, not one counted from now', async () => {
  const filter = { field: 'createdAt', op: 'lt', value: { daysAgo: 0 } };
  const exported = await exportOf({ type: 'filter', filter });
  const before = (await previewOf(exported.id)).body.count;
  await api().addUsers('one', 5, 'later');
  expect((await previewOf(exported.id)).body.count).toBe(before);
});

test('a preview of a job of ids has the same ids, and reports those that are no users any more', async () => {
  await api().addUsers('one', 3, 'named');
  const ids = ['named-00000', 'named-00001', 'nobody'];
  const exported = await exportOf({ type: 'ids', ids });
  await query(`DELETE FROM users WHERE user_id = 'named-00001'`);
  const { body } = await previewOf(exported.id);
  expect(body).toMatchObject({
    count: 1,
    notFound: 2,
    notFoundSample: [{ entry: 'named-00001' }, { entry: 'nobody' }],
  });
  expect(await targetsOf((await confirm(body)).id)).toEqual(ids);
});

test('a preview of a job of a list has the users of that job, also without the list', async () => {
  await api().addUsers('one', 4, 'listed');
  const file = 'userId\nlisted-00000\nlisted-00001\nlisted-00002\nnobody\n';
  const list = (await uploadList(api(), file)).body;
  const exported = await exportOf({ type: 'list', listId: list.id });
  await api().call('DELETE', `/v1/user-lists/${list.id}`);
  await query(`DELETE FROM users WHERE user_id = 'listed-00001'`);
  const { body } = await previewOf(exported.id);
  expect(body).toMatchObject({ count: 2, notFound: 1 });
  const deletion = await confirm(body);
  expect(deletion.selection).toMatchObject({ type: 'list', listId: list.id, count: 2 });
  expect(await targetsOf(deletion.id)).toEqual(['listed-00000', 'listed-00002']);
});

test('a job of all users, an import, and a job whose selection was changed cannot be previewed', async () => {
  const whole = await exportOf({ type: 'all' });
  const changed = await exportOf({ type: 'filter', filter: inIndia });
  await query(`UPDATE jobs SET selection = selection - 'excludeIds' WHERE id = $1`, [changed.id]);
  const imported = (await upload(api())).body;
  for (const { id } of [whole, changed, imported]) {
    const { status, body } = await previewOf(id);
    expect({ status, type: body.type }).toEqual({ status: 422, type: '/problems/unprocessable' });
    expect(body.errors).toMatchObject([{ pointer: '/ofJob' }]);
  }
});

test('a job whose filter names a property that was removed cannot be previewed', async () => {
  await post('/v1/properties', { name: 'former', type: 'string' });
  const former = { field: 'properties.former', op: 'is', value: 'x' };
  const filtered = await exportOf({ type: 'filter', filter: former });
  const queried = await exportOf({ type: 'query', q: 'u', filter: former });
  expect((await previewOf(filtered.id)).status).toBe(201);
  await query(`DELETE FROM properties WHERE workspace_id = 'one' AND name = 'former'`);
  for (const { id } of [filtered, queried]) {
    expect(await previewOf(id)).toMatchObject({
      status: 422,
      body: { type: '/problems/unprocessable', errors: [{ pointer: '/ofJob' }] },
    });
  }
});

test('a job whose selection was erased is gone, and a job of another workspace is not found', async () => {
  const exported = await exportOf({ type: 'filter', filter: inIndia });
  expect((await previewOf(exported.id, api().keys.two)).status).toBe(404);
  expect((await previewOf(uuidv7())).status).toBe(404);
  await query(
    `UPDATE jobs SET state = 'failed', finished_at = now(), erased_at = now(),
            selection = erased_selection(selection) WHERE id = $1`,
    [exported.id],
  );
  const answer = await previewOf(exported.id);
  expect(answer).toMatchObject({ status: 410, body: { type: '/problems/gone' } });
});

test('the rule for nearly everyone applies to a preview of a job', async () => {
  const exported = await exportOf({
    type: 'filter',
    filter: { field: 'userId', op: 'isKnown' },
  });
  const answer = await previewOf(exported.id);
  expect(answer).toMatchObject({ status: 409, body: { type: '/problems/delete-all-required' } });
});

test.each([{}, { ofJob: 'x' }, { ofJob: null }, { ofJob: uuidv7(), selection: { type: 'all' } }])(
  'the body %j is refused',
  async (body) => {
    const answer = await api().call('POST', '/v1/deletion-previews', { body });
    expect(answer.status).toBe(400);
  },
);
