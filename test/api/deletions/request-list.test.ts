import { beforeAll, expect, test } from 'vitest';
import { createApiKey } from '../../../db/api-keys.ts';
import { setDecisionTime } from '../../support/database/decision-clock.ts';
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

test('a request states whether the reader may decide it, and why not', async () => {
  const { owner } = api().database;
  const same = { ownerName: 'Bob', ownerEmail: 'BOB+platform@keys.example' };
  const { key: bob } = await createApiKey(owner.db, {
    ...same,
    role: 'platform',
    workspaceId: null,
  });
  const cases = [
    [api().keys.platform, ids.two, { ok: true, why: null }],
    [api().keys.platform, ids.one, { ok: false, why: 'wrongState' }],
    [bob, ids.two, { ok: false, why: 'selfApproval' }],
    [api().keys.ops, ids.two, { ok: false, why: 'wrongRole' }],
    [api().keys.two, ids.two, { ok: false, why: 'wrongRole' }],
  ] as const;
  for (const [key, id, mayDecide] of cases) {
    const { body } = await api().call('GET', `${PATH}/${id}`, { key });
    expect(body.mayDecide).toEqual(mayDecide);
    const listed = (await list('', key)).find((request) => request['id'] === id);
    expect(listed?.['mayDecide']).toEqual(mayDecide);
  }
  // The database refuses what the answer says.
  const refused = await api().call('POST', `${PATH}/${ids.two}/approve`, { key: bob, body: {} });
  expect(refused).toMatchObject({ status: 403, body: { type: '/problems/self-approval' } });
});

test('a request whose time for an answer has passed cannot be decided, and needs no attention', async () => {
  const { owner } = api().database;
  const toDecide = async (): Promise<number> => {
    const { body } = await api().call('GET', '/v1/overview', { key: api().keys.platform });
    return body.attention.requestsToDecide;
  };
  const before = await toDecide();
  // It was made 14 days and a minute ago, and its workflow has not recorded the lapse yet.
  await setDecisionTime(owner, Date.now() - 14 * 86_400_000 - 60_000);
  const asked = await api().call('POST', PATH, { body: { reason: 'over' } });
  await setDecisionTime(owner, null);
  const { body } = await api().call('GET', `${PATH}/${asked.body.id}`, {
    key: api().keys.platform,
  });
  expect(body).toMatchObject({ state: 'requested', mayDecide: { ok: false, why: 'tooLate' } });
  expect(await toDecide()).toBe(before);
});
