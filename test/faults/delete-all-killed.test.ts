import { beforeAll, expect, test } from 'vitest';
import type { ApiClient } from '../../local/api-client.ts';
import { createDeleteAllApi, type DeleteAllRequest } from '../support/http/delete-all-api.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { waitUntil } from '../support/wait.ts';

/**
 * The window of these tests: long enough to kill all processes in it, and short enough to wait for
 * its end.
 */
const WINDOW_MS = 60_000;

const stack = useOwnStack({ env: { DELETE_ALL_WINDOW: '60s' } });

const VICTIMS = ['worker', 'api', 'temporal', 'postgres'] as const;

let api: ReturnType<typeof createDeleteAllApi>;
let pia: { id: string; client: ApiClient };

beforeAll(async () => {
  api = createDeleteAllApi(stack());
  pia = await api.makeKey('platform', null, 'pia@platform.example');
});

const isReady = async (): Promise<boolean> => {
  const answer = await fetch(`${stack().stack.info().api}/readyz`).catch(() => undefined);
  return answer?.status === 200;
};

/** Kills a process of the stack, and waits until it was started again and the API is ready. */
const kill = async (victim: (typeof VICTIMS)[number]): Promise<void> => {
  const pidOf = () => stack().stack.info().pids[victim];
  const pid = await waitUntil(pidOf);
  process.kill(pid, 'SIGKILL');
  await waitUntil(() => pidOf() !== undefined && pidOf() !== pid);
  await waitUntil(isReady, 200);
};

const isState = (state: string) => (request: DeleteAllRequest) => request.state === state;

test('after kills of all processes, a request was mailed once, keeps its lapse date, and can be approved', async () => {
  const { admin, id } = await api.ask('killed-asked', 10);
  const { lapsesAt } = await api.until(admin, id, ({ lapsesAt }) => lapsesAt !== null);
  for (const victim of VICTIMS) await kill(victim);
  const after = await api.until(admin, id, isState('requested'));
  expect(after.lapsesAt).toBe(lapsesAt);
  const { status, body } = await api.decide(pia.client, id, 'approve');
  expect({ status, state: body.state }).toEqual({ status: 200, state: 'open' });
  await api.decide(admin, id, 'withdraw');
  const people = ['admin@killed-asked.example.com', 'pia@platform.example'];
  const recipientsOf = async (kind: string) =>
    (await stack().mails())
      .filter(({ text, subject }) => text?.includes(id) && subject.includes(kind))
      .map(({ to }) => String(to))
      .toSorted();
  // The workflow ends when all its mails are sent. A killed one comes late.
  await stack().temporal.workflow.getHandle(`delete-all/${id}`).result();
  expect(await recipientsOf('withdrawn')).toEqual(people);
  expect(await recipientsOf('Requested')).toEqual(people);
}, 300_000);

test('an open window closes as planned although all processes were killed', async () => {
  const { admin, id } = await api.ask('killed-open', 10);
  const { body: open } = await api.decide(pia.client, id, 'approve');
  const { opensAt, closesAt } = open.window!;
  expect(Date.parse(closesAt) - Date.parse(opensAt)).toBe(WINDOW_MS);
  for (const victim of VICTIMS) await kill(victim);
  const over = await api.until(admin, id, isState('expired'));
  expect(over.window).toEqual(open.window);
  expect(Date.parse(over.finishedAt!)).toBeGreaterThanOrEqual(Date.parse(closesAt));
  expect(over.timeline.map(({ event }) => event)).toEqual(['ask', 'approve', 'expire']);
  expect(await api.countUsers('killed-open')).toBe(10);
  expect((await api.decide(admin, id, 'preview')).status).toBe(410);
}, 300_000);

test('a run continues after all processes were killed, and deletes each user once', async () => {
  const count = 20_000;
  const { admin, id } = await api.ask('killed-running', count);
  await api.decide(pia.client, id, 'approve');
  const preview = await api.preview(admin, id);
  const release = await api.holdUsers('killed-running');
  const { id: jobId } = await api.run(admin, id, preview);
  await api.until(admin, id, isState('running'));
  // PostgreSQL is last, because its end releases the lock that blocks the run.
  for (const victim of VICTIMS) await kill(victim);
  await release();
  const done = await api.until(admin, id, isState('completed'));
  expect(done).toMatchObject({ jobId });
  expect(await admin.finish(jobId)).toMatchObject({
    state: 'succeeded',
    counts: { selected: count, deleted: count },
  });
  expect(await api.countUsers('killed-running')).toBe(0);
  expect(done.timeline.map(({ event }) => event)).toEqual(['ask', 'approve', 'run', 'finish']);
}, 300_000);

test('an approval that is sent while the worker is stopped is applied once, by the next worker', async () => {
  const { admin, id } = await api.ask('killed-deciding', 10);
  await api.until(admin, id, ({ lapsesAt }) => lapsesAt !== null);
  const pid = stack().stack.info().pids.worker!;
  process.kill(pid, 'SIGSTOP');
  const send = () =>
    pia.client.call<DeleteAllRequest>(
      'POST',
      `/v1/delete-all-requests/${id}/approve`,
      {},
      {
        'idempotency-key': 'one-approval',
      },
    );
  try {
    expect((await send()).status).toBe(503);
  } finally {
    process.kill(pid, 'SIGKILL');
  }
  await api.until(admin, id, isState('open'));
  const again = await send();
  expect(again.status).toBe(200);
  expect(again.body.timeline.map(({ event }) => event)).toEqual(['ask', 'approve']);
}, 300_000);
