import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { revokeApiKey } from '../../../db/api-keys.ts';
import { giveUpDecision } from '../../../db/delete-all/decisions.ts';
import { useDatabase } from '../../support/database/database.ts';
import { setDecisionTime } from '../../support/database/decision-clock.ts';
import {
  ASKED_AT,
  createAsking,
  createRequestSteps,
  DAY_MS,
  type People,
  seedPeople,
} from '../../support/steps/delete-all.ts';

const database = useDatabase();
let steps: ReturnType<typeof createRequestSteps>;

beforeAll(() => {
  steps = createRequestSteps(database());
});

const asked = createAsking(database);

const opened = async (at = ASKED_AT + 1) => {
  const { people, id } = await asked();
  const { view } = await steps.submit(id, 'approve', at, { by: people.pia });
  expect(view).toMatchObject({ state: 'open', closesAt: at + 3 * DAY_MS });
  return { people, id };
};

const running = async () => {
  const { people, id } = await opened();
  const previewId = await steps.preview(people, id);
  const { view } = await steps.submit(id, 'run', ASKED_AT + 3, { by: people.bob, previewId });
  expect(view.state).toBe('running');
  return { people, id, previewId, jobId: view.jobId! };
};

test('an approval opens the window at its own time, and its reason is recorded', async () => {
  const { people, id } = await asked();
  const by = people.pia;
  const { view } = await steps.submit(id, 'approve', ASKED_AT + DAY_MS, { by, reason: 'agreed' });
  expect(view).toMatchObject({ state: 'open', closesAt: ASKED_AT + 4 * DAY_MS });
  expect(view).not.toHaveProperty('refusal');
  const row = await steps.request(id);
  expect(row.opens_at).toEqual(new Date(ASKED_AT + DAY_MS));
  expect(row.closes_at).toEqual(new Date(ASKED_AT + 4 * DAY_MS));
  expect(await steps.decisions(id)).toMatchObject([
    { kind: 'approve', outcome: 'accepted', reason: 'agreed', key_id: by, state: 'open' },
  ]);
  expect(await steps.activity(id)).toEqual(['deleteAllAsked', 'deleteAllApprove']);
});

test('a window has the same length across a change to summer time, in any time zone of a connection', async () => {
  const people = await seedPeople(database(), 'summer');
  const at = Date.UTC(2031, 2, 29);
  await setDecisionTime(database().owner, at);
  const id = await steps.insert(people);
  const decisionId = await steps.insertDecision(id, 'approve', { by: people.pia });
  const client = await database().app.pool.connect();
  try {
    await client.query(
      `BEGIN; SET LOCAL TimeZone = 'Europe/Berlin'; SELECT claim_request('${id}', 'run')`,
    );
    const decide = `SELECT decide_request($1, 'run', 'approve', $2, $2, NULL, NULL, NULL) AS refusal`;
    expect((await client.query(decide, [id, decisionId])).rows).toEqual([{ refusal: null }]);
    await client.query('COMMIT');
  } finally {
    client.release(true);
  }
  expect((await steps.request(id)).closes_at).toEqual(new Date(at + 3 * DAY_MS));
});

test.each([
  ['the requester, who is of the platform team too', (p: People) => p.ada, 'selfApproval'],
  ['the requester by a key of the platform team', (p: People) => p.adaOfPlatform, 'selfApproval'],
  ['another admin', (p: People) => p.bob, 'unproven'],
  ['ops', (p: People) => p.ole, 'unproven'],
  ['a key nobody has', () => randomUUID(), 'unproven'],
] as const)('an approval by %s opens no window', async (_, who, refusal) => {
  const { people, id } = await asked();
  const view = await steps.decide(id, 'approve', ASKED_AT + 1, { by: who(people) });
  expect(view).toMatchObject({ state: 'requested', closesAt: null, refusal });
  expect(await steps.decisions(id)).toMatchObject([{ outcome: 'refused', refusal }]);
  expect(await steps.activity(id)).toEqual(['deleteAllAsked', 'deleteAllRefused']);
});

test('a revoked key and an unreadable message decide nothing', async () => {
  const { people, id } = await asked();
  const at = ASKED_AT + 1;
  await setDecisionTime(database().owner, at);
  const decisionId = await steps.insertDecision(id, 'approve', { by: people.pia });
  const code = await steps.codeOf(id, 'approve', people.pia);
  await revokeApiKey(database().owner.db, people.pia);
  expect(await steps.decide(id, 'approve', at, { decisionId })).toMatchObject({
    state: 'requested',
    refusal: 'revokedKey',
  });
  expect(await steps.decide(id, 'approve', at, { code })).toMatchObject({ refusal: 'unproven' });
  await expect(steps.insertDecision(id, 'approve', { by: people.pia })).rejects.toThrow(
    'decides nothing',
  );
  expect(await steps.decide(id, 'approve', at, { malformed: true })).toMatchObject({
    state: 'requested',
    refusal: 'malformed',
  });
});

test('a denial needs a reason, and the requester cannot deny the request', async () => {
  const { people, id } = await asked();
  const deny = (by: string, reason?: string) =>
    steps.decide(id, 'deny', ASKED_AT + 1, { by, ...(reason !== undefined && { reason }) });
  expect(await deny(people.pia)).toMatchObject({ refusal: 'reasonRequired' });
  expect(await deny(people.adaOfPlatform, 'no')).toMatchObject({ refusal: 'selfApproval' });
  expect(await deny(people.pia, 'no')).toMatchObject({ state: 'denied' });
  expect((await steps.request(id)).finished_at).toEqual(new Date(ASKED_AT + 1));
});

test('of two approvals at the same time, one opens the window and the other is refused', async () => {
  const { people, id } = await asked();
  const [one, two] = await Promise.all([
    steps.submit(id, 'approve', ASKED_AT + 10, { by: people.pia }),
    steps.submit(id, 'approve', ASKED_AT + 20, { by: people.paul }),
  ]);
  expect(one.view.closesAt).toBe(two.view.closesAt);
  expect(new Set([one, two].map(({ view }) => view.refusal))).toEqual(
    new Set([undefined, 'wrongState']),
  );
});

test('an approval that is sent again, at any time, is answered and changes nothing', async () => {
  const { people, id } = await asked();
  const by = people.pia;
  const { decisionId } = await steps.submit(id, 'approve', ASKED_AT + 1, { by });
  for (const at of [ASKED_AT + 2, ASKED_AT + 9 * DAY_MS]) {
    const again = await steps.decide(id, 'approve', at, { by, decisionId });
    expect(again).toMatchObject({ state: 'open', closesAt: ASKED_AT + 1 + 3 * DAY_MS });
  }
  expect(await steps.decisions(id)).toHaveLength(1);
  await steps.decide(id, 'expire', ASKED_AT + 4 * DAY_MS);
  const late = await steps.decide(id, 'approve', ASKED_AT + 5 * DAY_MS, { by, decisionId });
  expect(late.state).toBe('expired');
  const fresh = await steps.submit(id, 'approve', ASKED_AT + 5 * DAY_MS, { by });
  expect(fresh.view).toMatchObject({ state: 'expired', refusal: 'wrongState' });
});

test('an approval after the lapse date opens no window, before and after the request has lapsed', async () => {
  const { people, id } = await asked();
  const late = ASKED_AT + 14 * DAY_MS;
  const by = people.pia;
  expect((await steps.submit(id, 'approve', late, { by })).view).toMatchObject({
    state: 'requested',
    refusal: 'tooLate',
  });
  expect(await steps.decide(id, 'lapse', late - 1)).toMatchObject({ refusal: 'tooEarly' });
  expect(await steps.decide(id, 'lapse', late)).toMatchObject({ state: 'lapsed' });
  expect((await steps.submit(id, 'approve', late, { by })).view.refusal).toBe('wrongState');
});

test('an abandoned decision is never applied, even if its message arrives later', async () => {
  const { people, id } = await asked();
  const { db } = database().app;
  await setDecisionTime(database().owner, ASKED_AT + 1);
  const decisionId = await steps.insertDecision(id, 'approve', { by: people.pia });
  expect(await giveUpDecision(db, decisionId)).toBe(true);
  const view = await steps.decide(id, 'approve', ASKED_AT + 1, { decisionId });
  expect(view).toMatchObject({ state: 'requested', refusal: 'unanswered' });
  expect(await giveUpDecision(db, decisionId)).toBe(false);
});

test('a run needs an admin of the workspace, an open window and a preview of this request', async () => {
  const { people, id } = await opened();
  const stranger = await asked();
  const at = ASKED_AT + 3;
  const previewId = await steps.preview(people, id);
  const theirs = await steps.preview(stranger.people, stranger.id);
  const run = async (by: string, preview: string | undefined, when = at) => {
    const input = { by, ...(preview !== undefined && { previewId: preview }) };
    return (await steps.submit(id, 'run', when, input)).view;
  };
  expect(await run(people.pia, previewId)).toMatchObject({ state: 'open', refusal: 'wrongRole' });
  expect(await run(stranger.people.ada, previewId)).toMatchObject({ refusal: 'wrongRole' });
  expect(await run(people.ada, theirs)).toMatchObject({ refusal: 'notConfirmed' });
  expect(await run(people.ada, undefined)).toMatchObject({ refusal: 'notConfirmed' });
  // Only the API can start a run: no code of a mail does.
  expect(await steps.decide(id, 'run', at, { by: people.ada })).toMatchObject({
    refusal: 'unproven',
  });
  // By the database's clock, which has set the expiry, whatever the workflow's clock is.
  const old = await steps.preview(people, id);
  await database().owner.pool.query('UPDATE previews SET expires_at = now() WHERE id = $1', [old]);
  expect(await run(people.ada, old)).toMatchObject({ refusal: 'previewExpired' });
  const closed = ASKED_AT + 1 + 3 * DAY_MS;
  const late = await steps.preview(people, id);
  expect(await run(people.ada, late, closed)).toMatchObject({ refusal: 'tooLate' });
  expect(await run(people.ada, previewId)).toMatchObject({ state: 'running' });
  expect(await steps.request(stranger.id)).toMatchObject({ state: 'requested' });
});

test('a run is a deletion of all users, bound to the preview and the request', async () => {
  const { people, id, jobId, previewId } = await running();
  const job = await database()
    .owner.db.selectFrom('jobs')
    .selectAll()
    .where('id', '=', jobId)
    .executeTakeFirstOrThrow();
  expect(job).toMatchObject({
    type: 'deletion',
    state: 'queued',
    selection: { type: 'all' },
    parent_id: id,
    preview_id: previewId,
    actor_key_id: people.bob,
    reason: 'the contract has ended',
  });
  const again = await steps.submit(id, 'run', ASKED_AT + 4, { by: people.ada, previewId });
  expect(again.view).toMatchObject({ state: 'running', refusal: 'wrongState' });
});

test.each([
  ['succeeded', 3, 'completed'],
  ['partiallySucceeded', 2, 'completedWithFailures'],
  ['failed', 1, 'failed'],
  ['cancelled', 0, 'cancelled'],
] as const)(
  'a run that ended as %s with %i deleted users ends the request as %s',
  async (state, n, end) => {
    const { id, jobId } = await running();
    expect(await steps.decide(id, 'finish', ASKED_AT + 5)).toMatchObject({ state: 'running' });
    await steps.endJob(jobId, state, n);
    const late = ASKED_AT + 30 * DAY_MS;
    expect(await steps.decide(id, 'finish', late)).toMatchObject({ state: end });
  },
);

test('a run that deleted no user returns the request to its open window, with the same deadline', async () => {
  const { people, id, jobId } = await running();
  await steps.endJob(jobId, 'failed', 0);
  const back = await steps.decide(id, 'finish', ASKED_AT + DAY_MS);
  expect(back).toMatchObject({ state: 'open', closesAt: ASKED_AT + 1 + 3 * DAY_MS });
  const previewId = await steps.preview(people, id);
  const at = ASKED_AT + DAY_MS + 1;
  const { view } = await steps.submit(id, 'run', at, { by: people.ada, previewId });
  expect(view.state).toBe('running');
  expect(view.jobId).not.toBe(jobId);
  await steps.endJob(view.jobId!, 'failed', 0);
  expect(await steps.decide(id, 'finish', ASKED_AT + 4 * DAY_MS)).toMatchObject({
    state: 'expired',
  });
});

test('any admin can withdraw a pending or open request; only the platform team can revoke an open one', async () => {
  const waiting = await asked();
  const at = ASKED_AT + 2;
  expect(await steps.decide(waiting.id, 'revoke', at, { by: waiting.people.pia })).toMatchObject({
    refusal: 'wrongState',
  });
  expect(await steps.decide(waiting.id, 'withdraw', at, { by: waiting.people.bob })).toMatchObject({
    state: 'withdrawn',
  });
  const open = await opened();
  expect(await steps.decide(open.id, 'withdraw', at, { by: open.people.ada })).toMatchObject({
    state: 'withdrawn',
  });
  const revoked = await opened();
  const byAdmin = await steps.submit(revoked.id, 'revoke', at, { by: revoked.people.bob });
  expect(byAdmin.view).toMatchObject({ state: 'open', refusal: 'wrongRole' });
  expect(await steps.decide(revoked.id, 'revoke', at, { by: revoked.people.paul })).toMatchObject({
    state: 'revoked',
  });
});

test('a workspace may send another request only after its first request has ended', async () => {
  const { people, id } = await asked();
  await expect(steps.ask(people)).rejects.toThrow('one already');
  await steps.decide(id, 'withdraw', ASKED_AT + 1, { by: people.ada });
  expect(await steps.ask(people)).not.toBe(id);
});

test('the database refuses to move a window, reopen a request, or delete all users without a run', async () => {
  const { people, id } = await opened();
  const { db } = database().owner;
  const update = (set: object) =>
    db.updateTable('delete_all_requests').set(set).where('id', '=', id).execute();
  await expect(update({ closes_at: new Date(ASKED_AT + 9 * DAY_MS) })).rejects.toThrow('not moved');
  await expect(update({ window_length: '30 days' })).rejects.toThrow('not moved');
  await expect(update({ requester_key_id: people.pia })).rejects.toThrow('who asked');
  await expect(
    update({ state: 'completed', finished_at: new Date(), job_id: null }),
  ).rejects.toThrow('does not go from open to completed');
  await steps.decide(id, 'revoke', ASKED_AT + 2, { by: people.pia });
  await expect(update({ state: 'open', finished_at: null })).rejects.toThrow('has ended');
  const taken = db.updateTable('decisions').set({ outcome: 'pending', decided_at: null });
  await expect(taken.where('request_id', '=', id).execute()).rejects.toThrow('is taken');
  const insertJob = (parentId: string | null) =>
    db
      .insertInto('jobs')
      .values({
        id: randomUUID(),
        workspace_id: people.workspaceId,
        type: 'deletion' as const,
        selection: '{"type": "all"}',
        options: '{}',
        actor_key_id: people.ada,
        parent_id: parentId,
      })
      .execute();
  await expect(insertJob(null)).rejects.toThrow('everyone_needs_a_request');
  await expect(insertJob(id)).rejects.toThrow('does not allow a run');
  const open = await opened();
  await expect(insertJob(open.id)).rejects.toThrow('does not allow a run');
});
