import { afterEach, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createApiKey } from '../../../db/api-keys.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { useApi } from '../support.ts';

const api = useApi();

const PATH = '/v1/delete-all-requests';
const DAY_MS = 86_400_000;

afterEach(async () => {
  api().sender.mode = 'answers';
  await api().sender.setTime(null);
});

let count = 0;

/** A separate workspace with three users, and the keys of its admins. */
const workspace = async () => {
  const { owner } = api().database;
  count += 1;
  const id = `w-${count}`;
  await createWorkspace(owner.db, { id, name: id });
  await api().addUsers(id, 3, 'user');
  const make = async (role: 'admin' | 'platform', person: string) => {
    const workspaceId = role === 'admin' ? id : null;
    const ownerEmail = `${person}@${id}.example`;
    return (await createApiKey(owner.db, { role, workspaceId, ownerName: person, ownerEmail })).key;
  };
  return {
    id,
    ada: await make('admin', 'ada'),
    bob: await make('admin', 'bob'),
    adaOfPlatform: await make('platform', 'Ada'),
  };
};

type Workspace = Awaited<ReturnType<typeof workspace>>;

const post = (path: string, key: string, body?: unknown, idempotencyKey?: string) =>
  api().call('POST', `${PATH}${path}`, {
    key,
    ...(body !== undefined && { body }),
    ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
  });

const ask = async ({ ada }: Workspace): Promise<string> => {
  const answer = await post('', ada, { reason: 'the contract has ended', ticket: 'T-1' });
  expect(answer.status).toBe(201);
  return answer.body.id;
};

const open = async () => {
  const people = await workspace();
  const id = await ask(people);
  const answer = await post(`/${id}/approve`, api().keys.platform, { note: 'agreed' });
  expect(answer).toMatchObject({ status: 200, body: { state: 'open' } });
  return { people, id, closesAt: answer.body.window.closesAt as string };
};

const preview = async (id: string, key: string) => {
  const answer = await post(`/${id}/preview`, key);
  expect(answer.status).toBe(201);
  return answer.body as { id: string; count: number; phrase: string };
};

const confirmed = (seen: { id: string; count: number; phrase: string }) => ({
  previewId: seen.id,
  confirm: { count: seen.count, phrase: seen.phrase },
});

const problemOf = ({ status, body }: { status: number; body: { type?: string } }) =>
  `${status} ${body.type?.replace('/problems/', '')}`;

test('a request shows its requester, reason, number of users and workflow to its workspace and its operators', async () => {
  const people = await workspace();
  const { call, keys, sender } = api();
  const answer = await post('', people.ada, { reason: 'over', ticket: 'T-7' });
  const { id } = answer.body;
  expect(answer.headers['location']).toBe(`${PATH}/${id}`);
  expect(sender.started).toContain(id);
  const workflow = {
    id: `delete-all/${id}`,
    uiUrl: `http://temporal.example/namespaces/default/workflows/delete-all%2F${id}`,
  };
  expect(answer.body).toMatchObject({
    state: 'requested',
    window: null,
    reason: 'over',
    ticket: 'T-7',
    users: { whenAsked: 3, now: 3 },
    requester: { role: 'admin', ownerName: 'ada' },
    workflow,
    timeline: [{ event: 'ask', reason: 'over' }],
  });
  for (const key of [keys.platform, keys.ops, people.bob]) {
    expect(await call('GET', `${PATH}/${id}`, { key })).toMatchObject({ body: { id, workflow } });
  }
  expect((await call('GET', `${PATH}/${id}`, { key: keys.two })).status).toBe(404);
  const list = await call('GET', `${PATH}?state=requested&limit=200`, { key: keys.ops });
  expect(list.body.data.map((request: { id: string }) => request.id)).toContain(id);
  expect((await call('GET', PATH, { key: keys.two })).body.data).toEqual([]);
  expect((await call('GET', `${PATH}?workspace=two`, { key: keys.ops })).body.data).toEqual([]);
});

test('a workspace has at most one open request, and the same idempotency key returns that request', async () => {
  const people = await workspace();
  const body = { reason: 'over' };
  const answers = await Promise.all([1, 2, 3].map((n) => post('', people.ada, body, `key-${n}`)));
  expect(answers.map(problemOf).toSorted()).toEqual([
    '201 undefined',
    '409 request-already-open',
    '409 request-already-open',
  ]);
  const first = answers.findIndex(({ status }) => status === 201);
  const again = await post('', people.ada, body, `key-${first + 1}`);
  expect(again).toMatchObject({ status: 201, body: { id: answers[first]!.body.id } });
  const other = await post('', people.ada, { reason: 'another' }, `key-${first + 1}`);
  expect(problemOf(other)).toBe('422 idempotency-key-reused');
});

test('a request that is sent while Temporal is away is stored, and the same key returns the request', async () => {
  const people = await workspace();
  api().sender.mode = 'away';
  const away = await post('', people.ada, { reason: 'over' }, 'away');
  expect(problemOf(away)).toBe('503 temporal-unavailable');
  expect(away.headers['retry-after']).toBeDefined();
  api().sender.mode = 'answers';
  const back = await post('', people.ada, { reason: 'over' }, 'away');
  expect(back).toMatchObject({ status: 201, body: { state: 'requested' } });
});

test('a requester can neither approve nor deny their own request with another key', async () => {
  const people = await workspace();
  const id = await ask(people);
  const own = await post(`/${id}/approve`, people.adaOfPlatform, {});
  expect(problemOf(own)).toBe('403 self-approval');
  const denied = await post(`/${id}/deny`, people.adaOfPlatform, { reason: 'no' });
  expect(problemOf(denied)).toBe('403 self-approval');
  const { body } = await api().call('GET', `${PATH}/${id}`, { key: people.ada });
  expect(body.state).toBe('requested');
  expect(body.timeline).toMatchObject([
    { event: 'ask' },
    { event: 'approve', outcome: 'refused', refusal: 'selfApproval', by: { role: 'platform' } },
    { event: 'deny', outcome: 'refused', refusal: 'selfApproval', reason: 'no' },
  ]);
});

test('/v1/me shows the window of an approved request and its end, and a second approval is refused', async () => {
  const { people, id, closesAt } = await open();
  const me = (key: string, query = '') => api().call('GET', `/v1/me${query}`, { key });
  const deleteAll = { enabled: true, until: closesAt, requestId: id };
  expect((await me(people.bob)).body.features).toEqual({ deleteAll });
  const named = await me(api().keys.ops, `?workspace=${people.id}`);
  expect(named.body.features).toEqual({ deleteAll });
  expect((await me(api().keys.ops)).body.features).toEqual({ deleteAll: null });
  const none = { enabled: false, until: null, requestId: null };
  expect((await me(api().keys.two)).body.features).toEqual({ deleteAll: none });
  const second = await post(`/${id}/approve`, api().keys.platform);
  expect(problemOf(second)).toBe('409 wrong-state');
});

test('an approval that is sent again with the same key returns the first approval', async () => {
  const people = await workspace();
  const id = await ask(people);
  const send = () => post(`/${id}/approve`, api().keys.platform, {}, 'once');
  const [one, two, three] = [await send(), await send(), await send()];
  expect([one.status, two.status, three.status]).toEqual([200, 200, 200]);
  expect(three.body.window).toEqual(one.body.window);
  expect(three.body.timeline).toHaveLength(2);
  const other = await post(`/${id}/approve`, api().keys.platform, { note: 'x' }, 'once');
  expect(problemOf(other)).toBe('422 idempotency-key-reused');
});

test('while Temporal is away, an approval without a key is refused, and one with a key can be repeated', async () => {
  const people = await workspace();
  const id = await ask(people);
  const { sender, keys } = api();
  sender.mode = 'away';
  expect(problemOf(await post(`/${id}/approve`, keys.platform))).toBe('503 temporal-unavailable');
  const kept = await post(`/${id}/approve`, keys.platform, {}, 'kept');
  expect(problemOf(kept)).toBe('503 temporal-unavailable');
  const { body } = await api().call('GET', `${PATH}/${id}`, { key: keys.platform });
  expect(body.timeline.slice(1)).toMatchObject([
    { outcome: 'refused', refusal: 'unanswered' },
    { outcome: 'pending' },
  ]);
  sender.mode = 'answers';
  const back = await post(`/${id}/approve`, keys.platform, {}, 'kept');
  expect(back).toMatchObject({ status: 200, body: { state: 'open' } });
});

test('an approval that no worker decides in time answers 503, and its late message changes nothing', async () => {
  const people = await workspace();
  const id = await ask(people);
  const { sender, keys } = api();
  sender.mode = 'silent';
  expect(problemOf(await post(`/${id}/approve`, keys.platform))).toBe('503 temporal-unavailable');
  sender.mode = 'answers';
  const { kind, decisionId } = sender.sent.at(-1)!;
  await sender.send(id, kind as 'approve', { decisionId });
  const { body } = await api().call('GET', `${PATH}/${id}`, { key: keys.platform });
  expect(body).toMatchObject({ state: 'requested', window: null });
});

test('a denial, a revocation or a withdrawal ends a request, and the timeline names its person and any reason', async () => {
  const { platform } = api().keys;
  const asked = await workspace();
  const denied = await post(`/${await ask(asked)}/deny`, platform, { reason: 'not now' });
  expect(denied.body).toMatchObject({ state: 'denied', window: null });
  const withdrawn = await post(`/${await ask(asked)}/withdraw`, asked.bob);
  expect(withdrawn.body).toMatchObject({ state: 'withdrawn' });
  const { id } = await open();
  const revoked = await post(`/${id}/revoke`, platform, { reason: 'a doubt' });
  expect(revoked.body).toMatchObject({ state: 'revoked' });
  const last = [denied, withdrawn, revoked].map(({ body }) => body.timeline.at(-1));
  const ends = last.map(({ event, reason, by }) => `${event}, ${reason}, ${by.ownerName}`);
  expect(ends).toEqual(['deny, not now, pia', 'withdraw, null, bob', 'revoke, a doubt, pia']);
  expect(problemOf(await post(`/${id}/revoke`, platform))).toBe('409 wrong-state');
});

test('a lapsed request cannot be approved', async () => {
  const people = await workspace();
  const id = await ask(people);
  await api().sender.setTime(Date.now() + 14 * DAY_MS);
  const late = await post(`/${id}/approve`, api().keys.platform);
  expect(problemOf(late)).toBe('409 wrong-state');
  expect(late.body.detail).toContain(id);
});

test('a preview answers 409 before the window opens and 410 after a withdrawal, and only admins get one', async () => {
  const people = await workspace();
  const id = await ask(people);
  expect(problemOf(await post(`/${id}/preview`, people.ada))).toBe('409 wrong-state');
  await post(`/${id}/approve`, api().keys.platform);
  const seen = await post(`/${id}/preview`, people.bob);
  expect(seen.body).toMatchObject({ count: 3, held: 0, phrase: 'delete all 3 users' });
  expect(seen.body.sample).toHaveLength(3);
  expect((await post(`/${id}/preview`, api().keys.platform)).status).toBe(403);
  expect((await post(`/${id}/preview`, api().keys.two)).status).toBe(404);
  await post(`/${id}/withdraw`, people.ada);
  expect(problemOf(await post(`/${id}/preview`, people.ada))).toBe('410 window-closed');
});

test('a run requires the exact count and phrase, and becomes a deletion job that can be cancelled', async () => {
  const { people, id } = await open();
  const seen = await preview(id, people.ada);
  const good = confirmed(seen);
  const run = (body: object, key?: string) => post(`/${id}/run`, people.bob, body, key);
  const phrases = ['delete all 4 users', 'Delete all 3 users', 'delete all 3 users ', ''];
  for (const phrase of phrases) {
    const wrong = await run({ ...good, confirm: { count: 3, phrase } });
    expect(problemOf(wrong)).toBe('422 wrong-phrase');
  }
  const moved = await run({ ...good, confirm: { count: 4, phrase: 'delete all 4 users' } });
  expect(problemOf(moved)).toBe('409 selection-changed');
  expect((await run({ ...good, previewId: uuidv7() })).status).toBe(404);
  const started = await run({ ...good, reason: 'go' }, 'run-1');
  expect(started.status).toBe(202);
  expect(started.headers['location']).toBe(`/v1/deletions/${started.body.id}`);
  expect(started.body).toMatchObject({ type: 'deletion', parent: id, reason: 'go' });
  const again = await run({ ...good, reason: 'go' }, 'run-1');
  expect(again).toMatchObject({ status: 202, body: { id: started.body.id } });
  expect(problemOf(await run(good))).toBe('409 wrong-state');
  expect(problemOf(await post(`/${id}/preview`, people.ada))).toBe('409 wrong-state');
  const cancelled = await api().call('POST', `/v1/jobs/${started.body.id}/cancel`, {
    key: api().keys.platform,
  });
  expect(cancelled).toMatchObject({ status: 202, body: { state: 'cancelled' } });
});

test('a preview of all users confirms neither an ordinary deletion nor another request', async () => {
  const { people, id } = await open();
  const other = await open();
  const seen = await preview(id, people.ada);
  const body = { previewId: seen.id, confirm: { count: 3 }, reason: 'r' };
  const direct = await api().call('POST', '/v1/deletions', { key: people.ada, body });
  expect(direct.status).toBe(404);
  expect((await post(`/${other.id}/run`, other.people.ada, confirmed(seen))).status).toBe(404);
  expect((await post(`/${other.id}/run`, people.ada, confirmed(seen))).status).toBe(404);
});

test('a run is refused for an expired preview, a workspace without users, or a closed window', async () => {
  const { people, id } = await open();
  const old = await preview(id, people.ada);
  const { pool } = api().database.owner;
  await pool.query('UPDATE previews SET expires_at = now() WHERE id = $1', [old.id]);
  expect(problemOf(await post(`/${id}/run`, people.ada, confirmed(old)))).toBe(
    '410 preview-expired',
  );
  await pool.query('DELETE FROM users WHERE workspace_id = $1', [people.id]);
  const empty = await preview(id, people.ada);
  expect(problemOf(await post(`/${id}/run`, people.ada, confirmed(empty)))).toBe(
    '422 empty-selection',
  );
  await api().addUsers(people.id, 2, 'late');
  const late = await preview(id, people.ada);
  await api().sender.setTime(Date.now() + 4 * DAY_MS);
  expect(problemOf(await post(`/${id}/run`, people.ada, confirmed(late)))).toBe(
    '410 window-closed',
  );
  const { rows } = await pool.query('SELECT FROM jobs WHERE workspace_id = $1', [people.id]);
  expect(rows).toEqual([]);
});

test.each([
  ['', {}, '/reason'],
  ['', { reason: ' ' }, '/reason'],
  ['', { reason: 'r', ticket: '' }, '/ticket'],
  ['', { reason: 'r', force: true }, '/force'],
  ['/:id/deny', {}, '/reason'],
  ['/:id/deny', { reason: null }, '/reason'],
  ['/:id/approve', { reason: 'r' }, '/reason'],
  ['/:id/revoke', { reason: 7 }, '/reason'],
  ['/:id/withdraw', { reason: 'r' }, ''],
  ['/:id/preview', { all: true }, ''],
  ['/:id/run', { previewId: uuidv7() }, '/confirm'],
  ['/:id/run', { previewId: uuidv7(), confirm: { count: 3 } }, '/confirm/phrase'],
  ['/:id/run', { previewId: uuidv7(), confirm: { count: '3', phrase: 'x' } }, '/confirm/count'],
])('POST %s refuses %j with a pointer to the wrong field', async (path, body, pointer) => {
  const isPlatform = /deny|approve|revoke/.test(path);
  const key = isPlatform ? api().keys.platform : api().keys.one;
  const answer = await post(path.replace(':id', uuidv7()), key, body);
  expect(problemOf(answer)).toBe('400 invalid-request');
  expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
});
