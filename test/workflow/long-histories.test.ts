import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { keepHistory } from '../support/steps/histories.ts';
import { SUGGESTED_EVENTS, useShortHistories } from '../support/stack/time-skipping.ts';
import { waitFor } from '../support/wait.ts';

/** A request continues in a new run before its history is full, and after a reset. */

const { ask, env, plan } = useShortHistories();

type Request = Awaited<ReturnType<typeof ask>>;

const runsOf = async ({ handle }: Request): Promise<number> => {
  const query = `WorkflowId = '${handle.workflowId}'`;
  let count = 0;
  for await (const _ of env().client.workflow.list({ query })) count += 1;
  return count;
};

const flood = async ({ handle }: Request): Promise<void> => {
  for (let n = 0; n < SUGGESTED_EVENTS; n++)
    await handle.signal('approve', { by: randomUUID(), n });
};

const untilContinued = (request: Request) =>
  waitFor(async () => expect(await runsOf(request)).toBeGreaterThan(1), 200);

test('a flooded window stays open in the next run, with its deadline, and can be revoked there', async () => {
  const request = await ask();
  await request.send('approve', { by: request.people.pia });
  const { closes_at: closesAt } = await request.request();
  await request.mailed('approved');
  const first = await request.handle.describe();
  await flood(request);
  await untilContinued(request);
  const next = await request.handle.describe();
  expect(next.searchAttributes['KeepsakeWorkspace']).toEqual([request.people.workspaceId]);
  // Null until the next run has claimed the request.
  await waitFor(
    async () =>
      expect(await request.handle.query('state')).toMatchObject({
        state: 'open',
        closesAt: closesAt!.getTime(),
      }),
    200,
  );
  const firstRun = env().client.workflow.getHandle(request.handle.workflowId, first.runId);
  await keepHistory('continued', firstRun);
  await request.send('revoke', { by: request.people.paul });
  expect(await request.ends('revoked')).toBe('revoked');
  const approvals = request.mailsTo('bob').filter((subject) => subject.includes('is possible'));
  expect(approvals).toHaveLength(1);
});

test('a job in progress is followed to its end by the next run of its request', async () => {
  const request = await ask();
  await request.send('approve', { by: request.people.pia });
  await request.mailed('approved');
  const run = new EventEmitter();
  plan({ state: 'succeeded', deleted: 3, after: once(run, 'end') });
  await request.run();
  await request.until('running');
  await flood(request);
  await untilContinued(request);
  run.emit('end');
  expect(await request.ends('completed')).toBe('completed');
}, 150_000);

/** Resets the workflow to its last task, which is after its claim. */
const resetBehindClaim = async ({ handle }: Request): Promise<void> => {
  const { events } = await handle.fetchHistory();
  const tasks = (events ?? []).filter(
    ({ workflowTaskCompletedEventAttributes: task }) => task != null,
  );
  const { runId } = await handle.describe();
  await env().client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: handle.workflowId, runId },
    workflowTaskFinishEventId: tasks.at(-1)!.eventId!,
    requestId: randomUUID(),
    reason: 'test',
  });
};

test('a run that was reset to a point after its claim claims the request again, and accepts messages at once', async () => {
  const request = await ask();
  await request.send('approve', { by: request.people.pia });
  await request.mailed('approved');
  const { run_id: before } = await request.request();
  await resetBehindClaim(request);
  expect((await request.request()).run_id).toBe(before);
  await request.send('revoke', { by: request.people.paul });
  expect((await request.request()).run_id).not.toBe(before);
  expect(await request.ends('revoked')).toBe('revoked');
  await keepHistory('reset', request.handle);
});
