import { beforeAll, expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();
const PATH = '/v1/delete-all-requests';

const ids: Record<'one' | 'two', string> = { one: '', two: '' };

const list = async (parameters: string, key = api().keys.ops) => {
  const { status, body } = await api().call('GET', `${PATH}?${parameters}`, { key });
  expect(status).toBe(200);
  return body.data as Record<string, unknown>[];
};

const idsOf = async (parameters: string) => (await list(parameters)).map(({ id }) => id);

beforeAll(async () => {
  for (const name of ['one', 'two'] as const) {
    const body = { reason: 'over' };
    const answer = await api().call('POST', PATH, { key: api().keys[name], body });
    ids[name] = answer.body.id;
  }
  await api().database.owner.pool.query(
    `UPDATE delete_all_requests SET state = 'withdrawn', finished_at = now() WHERE id = $1`,
    [ids.one],
  );
});

test('requests are filtered by one state, by several, or by not having ended', async () => {
  expect(await idsOf('state=requested')).toEqual([ids.two]);
  expect(await idsOf('state=withdrawn&state=denied')).toEqual([ids.one]);
  expect(await idsOf('state=active')).toEqual([ids.two]);
  expect(await idsOf('state=active&state=withdrawn')).toEqual([ids.two, ids.one]);
  expect(await idsOf('state=denied')).toEqual([]);
  const answer = await api().call('GET', `${PATH}?state=active&state=none`);
  expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '?state' }] } });
});

test('a request names its workspace by id and by name', async () => {
  const [first, second] = await list('');
  expect(first).toMatchObject({ workspace: 'two', workspaceName: 'Workspace two' });
  expect(second).toMatchObject({ workspace: 'one', workspaceName: 'Workspace one' });
  const one = await api().call('GET', `${PATH}/${ids.one}`);
  expect(one.body).toMatchObject({ workspace: 'one', workspaceName: 'Workspace one' });
});

test('a workspace shows only a request that has not ended', async () => {
  const { body } = await api().call('GET', '/v1/workspaces', { key: api().keys.platform });
  expect(body.data).toMatchObject([
    { id: 'one', openRequest: null },
    { id: 'two', openRequest: { id: ids.two, state: 'requested' } },
  ]);
});
