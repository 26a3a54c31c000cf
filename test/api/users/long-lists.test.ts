import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createApiKey } from '../../../db/api-keys.ts';
import { useApi } from '../support.ts';
import { waitUntil } from '../../support/wait.ts';

/** Lists over all workspaces, with their filters and pages. */

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

interface Job {
  id: string;
  workspace: string;
  type: string;
  state: string;
  by: 'one' | 'two' | 'second';
}

const STATES = ['failed', 'succeeded', 'cancelled', 'running'];
const TYPES = ['export', 'deletion', 'restore'];

/** Newest first, as in the lists. The jobs are in pairs with the same timestamp. */
const jobs: Job[] = [];
let second: { id: string; shownId: string };

beforeAll(async () => {
  const { database, keyIds } = api();
  // Another key of the same person.
  const owner = { ownerName: 'ada', ownerEmail: 'ADA+again@keys.example', workspaceId: 'one' };
  second = await createApiKey(database.owner.db, { role: 'admin', ...owner });
  const keys = { one: keyIds.one, two: keyIds.two, second: second.id };
  for (let n = 0; n < 48; n += 1) {
    const by = (['one', 'two', 'one', 'second'] as const)[n % 4]!;
    const job = {
      id: uuidv7(),
      workspace: by === 'two' ? 'two' : 'one',
      type: TYPES[n % 3]!,
      state: STATES[(n + Math.floor(n / 4)) % 4]!,
      by,
    };
    await query(
      `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, created_at, finished_at)
       VALUES ($1, $2, $3, $4, '{"type": "filter"}', $5,
               '2030-01-01T00:00:00Z'::timestamptz + $6 * interval '1 minute',
               CASE WHEN $4 <> 'running' THEN now() END)`,
      [job.id, job.workspace, job.type, job.state, keys[by], Math.floor(n / 2)],
    );
    jobs.unshift(job);
  }
});

/** Reads all pages of a list; returns the ids in their order. */
const read = async (path: string, limit = 50, key = api().keys.ops): Promise<string[]> => {
  const ids: string[] = [];
  let cursor = '';
  do {
    const parameters = `limit=${limit}${cursor}`;
    const answer = await api().call(
      'GET',
      `${path}${path.includes('?') ? '&' : '?'}${parameters}`,
      {
        key,
      },
    );
    expect(answer.status).toBe(200);
    ids.push(...answer.body.data.map(({ id }: { id: string }) => id));
    cursor = answer.body.nextCursor === null ? '' : `&cursor=${answer.body.nextCursor}`;
  } while (cursor !== '');
  return ids;
};

const idsOf = (isWanted: (job: Job, minute: number) => boolean): string[] =>
  jobs
    .filter((job, index) => isWanted(job, Math.floor((jobs.length - 1 - index) / 2)))
    .map(({ id }) => id);

test('each filter returns exactly the matching jobs, newest first, for every page size', async () => {
  const { shownIds } = api();
  const cases: [string, (job: Job, minute: number) => boolean][] = [
    ['', () => true],
    ['?workspace=two', ({ workspace }) => workspace === 'two'],
    ['?state=failed', ({ state }) => state === 'failed'],
    ['?state=failed&state=cancelled', ({ state }) => state === 'failed' || state === 'cancelled'],
    ['?state=failed&state=failed', ({ state }) => state === 'failed'],
    ['?state=queued&state=cancelling', () => false],
    [
      '?type=export&state=failed&state=running&workspace=one',
      ({ type, state, workspace }) =>
        type === 'export' && ['failed', 'running'].includes(state) && workspace === 'one',
    ],
    ['?type=restore', ({ type }) => type === 'restore'],
    ['?type=restore&type=export', ({ type }) => type === 'restore' || type === 'export'],
    ['?type=restore&type=restore', ({ type }) => type === 'restore'],
    ['?state=active', ({ state }) => state === 'running'],
    [
      '?state=active&state=failed&type=export&type=deletion',
      ({ type, state }) => type !== 'restore' && ['running', 'failed'].includes(state),
    ],
    [
      `?actorKeyId=${shownIds.one}&state=active&type=export&type=restore`,
      ({ by, state, type }) => by === 'one' && state === 'running' && type !== 'deletion',
    ],
    [`?actorKeyId=${shownIds.one}`, ({ by }) => by === 'one'],
    [
      `?actorKeyId=${shownIds.one}&state=failed`,
      ({ by, state }) => by === 'one' && state === 'failed',
    ],
    [`?personKeyId=${shownIds.one}`, ({ by }) => by !== 'two'],
    [`?personKeyId=${shownIds.one}&actorKeyId=${second.shownId}`, ({ by }) => by === 'second'],
    [`?personKeyId=${shownIds.two}&actorKeyId=${second.shownId}`, () => false],
    [`?actorKeyId=${uuidv7()}`, () => false],
    ['?from=2030-01-01T00:05:00Z', (_, minute) => minute >= 5],
    [
      '?from=2030-01-01T00:05:00Z&to=2030-01-01T01:20:00%2B01:00&state=failed&state=succeeded',
      ({ state }, minute) =>
        minute >= 5 && minute < 20 && (state === 'failed' || state === 'succeeded'),
    ],
  ];
  for (const [parameters, isWanted] of cases) {
    for (const limit of [7, 200]) {
      expect({ parameters, ids: await read(`/v1/jobs${parameters}`, limit) }).toEqual({
        parameters,
        ids: idsOf(isWanted),
      });
    }
  }
});

test('an admin gets no job of another workspace, with any filter', async () => {
  const { keys, shownIds } = api();
  for (const parameters of ['', `?actorKeyId=${shownIds.two}`, '?state=failed&state=running']) {
    const ids = await read(`/v1/jobs${parameters}`, 200, keys.one);
    expect(ids).not.toContain(jobs.find(({ workspace }) => workspace === 'two')!.id);
    expect(ids.length).toBe(parameters.startsWith('?actor') ? 0 : ids.length);
  }
  expect(await read('/v1/jobs', 7, keys.one)).toEqual(
    idsOf(({ workspace }) => workspace === 'one'),
  );
});

test('a page does not shift when jobs are added meanwhile', async () => {
  const first = await api().call('GET', '/v1/jobs?state=failed&state=running&limit=3', {
    key: api().keys.ops,
  });
  const id = uuidv7();
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, created_at, finished_at)
     VALUES ($1, 'two', 'export', 'failed', '{"type": "all"}', $2, '2031-01-01T00:00:00Z', now())`,
    [id, api().keyIds.two],
  );
  const rest = await read(
    `/v1/jobs?state=failed&state=running&cursor=${first.body.nextCursor}`,
    200,
  );
  const wanted = idsOf(({ state }) => state === 'failed' || state === 'running');
  expect(rest).toEqual(wanted.slice(3));
  expect((await read('/v1/jobs', 200)).slice(0, 1)).toEqual([id]);
  await query('DELETE FROM jobs WHERE id = $1', [id]);
});

test('a cursor continues at its position with another filter, and is refused by another list', async () => {
  const { call, keys } = api();
  const { nextCursor } = (await call('GET', '/v1/jobs?limit=10', { key: keys.ops })).body;
  const failed = idsOf(({ state }) => state === 'failed');
  expect(await read(`/v1/jobs?state=failed&cursor=${nextCursor}`)).toEqual(
    failed.filter((id) => jobs.findIndex((job) => job.id === id) >= 10),
  );
  // A key with less access gets no more by the cursor of a key with more access.
  expect(await read(`/v1/jobs?cursor=${nextCursor}`, 50, keys.two)).toEqual(
    jobs.filter(({ workspace }, index) => workspace === 'two' && index >= 10).map(({ id }) => id),
  );
  for (const list of ['backups', 'activity', 'delete-all-requests', 'workspaces']) {
    expect(await call('GET', `/v1/${list}?cursor=${nextCursor}`, { key: keys.ops })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '?cursor', detail: 'must be a cursor of this list' }] },
    });
  }
});

test.each([
  ['state=done', '?state'],
  ['state=failed&state=done', '?state'],
  ['state=failed&'.repeat(9), '?state'],
  ['state=active&state=done', '?state'],
  ['state=', '?state'],
  ['type=export&type=move', '?type'],
  ['from=yesterday', '?from'],
  ['from=2030-01-02T00:00:00Z&to=2030-01-02T00:00:00Z', '?to'],
  ['actorKeyId=ada', '?actorKeyId'],
  ['workspace=one&workspace=two', '?workspace'],
])('%s is refused with a pointer to the parameter', async (parameters, pointer) => {
  const answer = await api().call('GET', `/v1/jobs?${parameters}`, { key: api().keys.ops });
  expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
});

test('a time has at most six digits after the second, and the error states the limit', async () => {
  const { call, keys } = api();
  const at = (bound: string, digits: string) =>
    call('GET', `/v1/jobs?${bound}=2030-01-01T00:00:00.${digits}Z`, { key: keys.ops });
  const detail = 'must be an RFC 3339 date and time, with at most six digits after the second';
  for (const bound of ['from', 'to']) {
    expect((await at(bound, '123456')).status).toBe(200);
    expect(await at(bound, '1234567')).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: `?${bound}`, detail }] },
    });
  }
});

const running = (workspace: string) =>
  jobs.filter((job) => job.workspace === workspace && job.state === 'running').length;

test('workspaces are listed by id, with their numbers of users and of unfinished jobs', async () => {
  const { call, keys } = api();
  await api().addUsers('one', 30);
  await query('ANALYZE users_one');
  // The estimate of this table lags behind. The other table has none.
  await query(`DELETE FROM users WHERE workspace_id = 'one' AND user_id LIKE '%1'`);
  const asked = await call('POST', '/v1/delete-all-requests', {
    key: keys.two,
    body: { reason: 'over' },
  });
  await expect.poll(shownUsers).toEqual([27, 0]);
  const { body } = await call('GET', '/v1/workspaces', { key: keys.ops });
  expect(body).toEqual({
    data: [
      {
        id: 'one',
        name: 'Workspace one',
        createdAt: expect.stringMatching(/Z$/),
        usersEstimate: 27,
        unfinishedJobs: running('one'),
        openRequest: null,
      },
      {
        id: 'two',
        name: 'Workspace two',
        createdAt: expect.stringMatching(/Z$/),
        usersEstimate: 0,
        unfinishedJobs: running('two'),
        openRequest: { id: asked.body.id, state: 'requested' },
      },
    ],
    nextCursor: null,
  });
  expect(await read('/v1/workspaces', 1)).toEqual(['one', 'two']);
  expect(await read('/v1/workspaces', 1, keys.two)).toEqual(['two']);
});

/** `usersEstimate` of each workspace. On a busy machine a count takes too long, and is null. */
const shownUsers = async (): Promise<(number | null)[]> => {
  const { body } = await api().call('GET', '/v1/workspaces', { key: api().keys.ops });
  return body.data.map(({ usersEstimate }: { usersEstimate: number | null }) => usersEstimate);
};

test('workspaces are listed while a table of users is locked', async () => {
  const holder = await api().database.owner.pool.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE users_one IN ACCESS EXCLUSIVE MODE');
  expect(await read('/v1/workspaces')).toEqual(['one', 'two']);
  await expect.poll(shownUsers).toEqual([null, 0]);
  await holder.query('ROLLBACK');
  await holder.query('ALTER TABLE users_one ENABLE ROW LEVEL SECURITY');
  await expect.poll(shownUsers).toEqual([null, 0]);
  await holder.query('ALTER TABLE users_one DISABLE ROW LEVEL SECURITY');
  holder.release();
});

test('more than 1,000 users are not counted: the estimate of PostgreSQL is shown, or null', async () => {
  // The server of TEST_DATABASE_URL may analyze the table at any time.
  await query('ALTER TABLE users_one SET (autovacuum_enabled = off)');
  const before = await waitUntil(async () => (await shownUsers())[0]);
  await api().addUsers('one', 1_000 - before, 'many');
  await expect.poll(shownUsers).toEqual([1_000, 0]);
  await api().addUsers('one', 1, 'more');
  await expect.poll(shownUsers).toEqual([null, 0]);
  await query('ANALYZE users_one');
  await expect.poll(shownUsers).toEqual([1_001, 0]);
  await query(`DELETE FROM users WHERE workspace_id = 'one' AND user_id LIKE 'more%'`);
  await expect.poll(shownUsers).toEqual([1_001, 0]);
});

test('the OpenAPI document describes the parameter state as a list', async () => {
  const { body } = await api().call('GET', '/openapi.json');
  const { parameters } = body.paths['/v1/jobs'].get as {
    parameters: { name: string; in: string; schema: Record<string, unknown> }[];
  };
  const state = parameters.find(({ name }) => name === 'state')!;
  expect(state).toMatchObject({ in: 'query', schema: { type: 'array' } });
  expect(state.schema['items']).toMatchObject({
    enum: expect.arrayContaining(['failed', 'active']),
  });
});
