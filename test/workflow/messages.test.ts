import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { DAY_MS, type People } from '../support/steps/delete-all.ts';
import { keepHistory, readHistory } from '../support/steps/histories.ts';
import { useTimeSkipping } from '../support/stack/time-skipping.ts';
import { waitUntil } from '../support/wait.ts';

const { ask, plan, provider, env } = useTimeSkipping();

type Request = Awaited<ReturnType<typeof ask>>;

/** Sends bytes of any encoding, as the UI and the CLI can. */
const sendRaw = async (request: Request, signalName: string, payloads: [string, string][]) => {
  const before = (await request.refusals()).length;
  await env().client.workflowService.signalWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: request.handle.workflowId },
    signalName,
    requestId: randomUUID(),
    input: {
      payloads: payloads.map(([encoding, data]) => ({
        metadata: { encoding: Buffer.from(encoding) },
        data: Buffer.from(data, 'latin1'),
      })),
    },
  });
  await waitUntil(async () => (await request.refusals()).length > before);
};

const ID = randomUUID();

test('an unreadable message opens nothing, stops nothing, and is recorded', async () => {
  const request = await ask();
  const { pia } = request.people;
  const values = [
    null,
    'approve',
    [],
    {},
    { by: 'pia' },
    { by: { $ne: null } },
    { by: pia, reason: 7 },
    { by: pia, reason: 'NUL \0' },
    { by: pia, reason: '\uD800' },
    { by: pia, reason: 'x'.repeat(1_001) },
    { by: pia, decisionId: 'x' },
    { by: pia, role: 'platform' },
  ];
  for (const value of values) await request.send('approve', value);
  await sendRaw(request, 'approve', []);
  await sendRaw(request, 'approve', [['json/plain', '{"by": ']]);
  await sendRaw(request, 'approve', [['json/protobuf', '{}']]);
  await sendRaw(request, 'deny', [['nonsense/encoding', '\xFF\x00']]);
  await sendRaw(request, 'run', [
    ['json/plain', JSON.stringify({ by: pia })],
    ['binary/encrypted', 'x'],
  ]);
  const refusals = await request.refusals();
  expect(refusals).toEqual(Array.from({ length: values.length + 5 }, () => 'malformed'));
  const activity = await request.steps.activity(request.id);
  expect(activity.filter((kind) => kind === 'deleteAllRefused')).toHaveLength(refusals.length);
  expect(await request.handle.query('__temporal_workflow_metadata')).toMatchObject({
    currentDetails: expect.stringContaining('The last message was refused: run: malformed'),
  });
  await request.send('deny', { by: pia, reason: 'it still listens' });
  expect(await request.ends('denied')).toBe('denied');
  await keepHistory('malformed', request.handle);
});

test.each([
  ['the requester, who is of the platform team too', (p: People) => p.ada, 'selfApproval'],
  ['another admin', (p: People) => p.bob, 'unproven'],
  ['ops', (p: People) => p.ole, 'unproven'],
  ['nobody we know', () => ID, 'unproven'],
] as const)('an approval by %s opens no window', async (_, who, refusal) => {
  const request = await ask();
  await request.send('approve', { by: who(request.people) });
  expect(await request.refusals()).toEqual([refusal]);
  expect(await request.handle.query('state')).toMatchObject({ state: 'requested', closesAt: null });
  await request.sleep(14 * DAY_MS);
  expect(await request.ends('lapsed')).toBe('lapsed');
  await keepHistory(`refused-${refusal}`, request.handle);
});

test('repeated approvals open one window, from the first approval on', async () => {
  const request = await ask();
  const { pia, paul } = request.people;
  const decisionId = await request.steps.insertDecision(request.id, 'approve', { by: pia });
  const mine = { decisionId };
  await request.handle.signal('approve', mine);
  await request.until('open');
  const closesAt = (await request.request()).closes_at!.getTime();
  await request.sleep(DAY_MS);
  await request.handle.signal('approve', mine);
  await request.send('approve', { by: paul });
  await request.send('deny', { by: paul, reason: 'too late' });
  expect(await request.refusals()).toEqual([null, 'wrongState', 'wrongState']);
  expect((await request.request()).closes_at!.getTime()).toBe(closesAt);
  await request.sleep(2 * DAY_MS);
  expect(await request.ends('expired')).toBe('expired');
  const { finished_at: finishedAt } = await request.request();
  expect(finishedAt!.getTime()).toBeLessThan(closesAt + DAY_MS / 24);
});

test('messages during a run are answered and change nothing', async () => {
  const request = await ask();
  const { pia, bob } = request.people;
  await request.send('approve', { by: pia });
  const run = new EventEmitter();
  plan({ state: 'succeeded', deleted: 3, after: once(run, 'end') });
  await request.run();
  await request.until('running');
  await request.send('revoke', { by: pia });
  await request.send('withdraw', { by: bob });
  await request.send('approve', { by: pia });
  expect((await request.refusals()).slice(2)).toEqual(['wrongState', 'wrongState', 'wrongState']);
  run.emit('end');
  expect(await request.ends('completed')).toBe('completed');
});

test('a decision does not wait for mails, and each person gets each mail once, under one key', async () => {
  const { mails } = provider();
  const tried = new Set<string>();
  // The first mail to each person fails once.
  provider().failing = (to) => !tried.has(to) && tried.add(to).has(to);
  const request = await ask({}, false);
  await request.send('withdraw', { by: request.people.bob });
  expect((await request.request()).state).toBe('withdrawn');
  await request.mailed('asked');
  expect(await request.ends('withdrawn')).toBe('withdrawn');
  const domain = `@${request.people.workspaceId}.example`;
  const ours = mails.filter(({ to }) => to.endsWith(domain));
  expect(ours.some(({ isAccepted }) => !isAccepted)).toBe(true);
  const accepted = ours.filter(({ isAccepted }) => isAccepted);
  const people = ['ada', 'bob', 'paul', 'pia'];
  for (const person of people) expect(request.mailsTo(person)).toHaveLength(2);
  expect(accepted).toHaveLength(2 * people.length);
  for (const mail of ours) {
    const same = ours.filter(({ key }) => key === mail.key);
    const told = same.map(({ to, subject, html, text }) => ({ to, subject, html, text }));
    expect(new Set(told.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(same.filter(({ isAccepted }) => isAccepted)).toHaveLength(1);
    expect(mail.key).not.toContain('@');
  }
});

test('the history has ids, times and counts, and no words of the API', async () => {
  const request = await ask();
  const { steps, id, people } = request;
  const canary = 'words that stay in PostgreSQL';
  const decisionId = await steps.insertDecision(id, 'deny', { by: people.pia, reason: canary });
  await request.handle.signal('deny', { decisionId });
  expect(await request.ends('denied')).toBe('denied');
  const text = await readHistory(request.handle);
  expect(text).toContain(id);
  for (const secret of [canary, '.example', 'the contract has ended', 'Pia', '@w-']) {
    expect(text).not.toContain(secret);
  }
  expect((await steps.decisions(id))[0]).toMatchObject({ reason: canary, outcome: 'accepted' });
});
