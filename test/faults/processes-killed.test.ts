import { createHash, randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { beforeAll, expect, onTestFailed, test } from 'vitest';
import type { ApiCrashPoint } from '../../api/jobs/job-workflows.ts';
import { sendSignal } from '../../local/processes/stop-process.ts';
import { SWEEP, SWEEP_SIGNALS, workflowIdOf } from '../../workflows/contracts/jobs.ts';
import { hasCrashedAt, orderCrash } from '../support/stack/crash-at.ts';
import {
  allDeleted,
  prepareTrial,
  TRIAL_TIMEOUT_MS,
  type FaultTrial,
} from '../support/stack/fault-trial.ts';
import { expectInvariants } from '../support/database/invariants.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { sweepNow } from '../support/stack/trigger-schedule.ts';

const stack = useOwnStack({ mainFiles: { api: 'test/support/stack/crashing-api.ts' } });

// Paused, because the sweep would start the job; here the repeated request must start it.
beforeAll(() => stack().temporal.workflow.getHandle(SWEEP.id).signal(SWEEP_SIGNALS.pause));

const jobsOf = ({ workspaceId }: FaultTrial) =>
  stack().sql<{ id: string; state: string }>('SELECT id, state FROM jobs WHERE workspace_id = $1', [
    workspaceId,
  ]);

const workflowsOf = async ({ workspaceId }: FaultTrial): Promise<string[]> => {
  const found: string[] = [];
  const query = `KeepsakeWorkspace = "${workspaceId}"`;
  for await (const run of stack().temporal.workflow.list({ query })) found.push(run.workflowId);
  return found;
};

/**
 * Kills the API during a request that deletes one user, and waits until the API runs again.
 */
const sendAndKill = async (
  trial: FaultTrial,
  point: ApiCrashPoint,
  send: () => Promise<unknown>,
) => {
  const { dataDir, stack: running } = stack();
  await orderCrash(dataDir, point);
  await expect(send()).rejects.toThrow('fetch failed');
  expect(hasCrashedAt(dataDir, point), 'the crash point was reached').toBe(true);
  const isBack = async () => (await fetch(`${running.info().api}/healthz`)).status;
  await expect.poll(isBack, { interval: 200 }).toBe(200);
  const [job, ...others] = await jobsOf(trial);
  expect(others).toEqual([]);
  return job!;
};

/** Expects one job, one workflow, one deleted user and one mail. */
const expectOnce = async (trial: FaultTrial, id: string) => {
  expect(await trial.admin.finish(id)).toMatchObject({
    state: 'succeeded',
    counts: { selected: 1, deleted: 1 },
  });
  expect(await jobsOf(trial)).toEqual([{ id, state: 'succeeded' }]);
  await expect.poll(() => workflowsOf(trial)).toEqual([workflowIdOf({ id, type: 'deletion' })]);
  const mails = await stack().mails();
  expect(mails.filter(({ text }) => text?.includes(id))).toHaveLength(1);
  await expectInvariants(trial);
};

const deletionOfOne = (trial: FaultTrial) => {
  const body = { selection: { type: 'ids', ids: ['u-1'] }, reason: 'fault test' };
  const key = { 'idempotency-key': randomUUID() };
  return () => trial.admin.call<{ id: string }>('POST', '/v1/deletions', body, key);
};

test.each<ApiCrashPoint>(['job:written', 'job:started'])(
  'if the API is killed at %s, the same key sent again finishes the same single job',
  async (point) => {
    const trial = await prepareTrial(stack(), `again-${point.slice(4)}`, 10);
    const send = deletionOfOne(trial);
    const { id } = await sendAndKill(trial, point, send);
    expect(await send()).toMatchObject({ status: 202, body: { id } });
    await expectOnce(trial, id);
  },
);

test('if the API is killed between database and Temporal, the sweep finishes the job', async () => {
  const trial = await prepareTrial(stack(), 'unasked', 10);
  const { temporal, sql } = stack();
  const { id, state } = await sendAndKill(trial, 'job:written', deletionOfOne(trial));
  expect(state).toBe('queued');
  const workflow = temporal.workflow.getHandle(workflowIdOf({ id, type: 'deletion' }));
  await expect(workflow.describe()).rejects.toThrow(WorkflowNotFoundError);
  // The sweep ignores a young job, because its request may still start the job.
  await sql(`UPDATE jobs SET created_at = created_at - interval '1 minute' WHERE id = $1`, [id]);
  await sweepNow(temporal);
  await expectOnce(trial, id);
});

const SEED = Number(process.env['FAULT_SEED'] ?? randomInt(2 ** 31));

/** The n-th delay by this run's seed, from 0 up to `most`. */
const delayOf = (n: number, most: number): number =>
  (createHash('sha256').update(`${SEED}/${n}`).digest().readUInt32BE() / 2 ** 32) * most;

const workerPid = () => stack().stack.info().pids.worker;

const killWorker = async (): Promise<void> => {
  await expect.poll(workerPid).toBeDefined();
  sendSignal(workerPid()!, 'SIGKILL');
};

test(
  'if the worker is killed twice at random during three jobs, no user is lost or counted twice',
  async () => {
    onTestFailed(() => {
      console.error(`Run it again with FAULT_SEED=${SEED}`);
    });
    const trials: FaultTrial[] = [];
    for (const n of [1, 2, 3]) trials.push(await prepareTrial(stack(), `random-${n}`, 20_000));
    const running = trials.map(async (trial, n) => {
      await sleep(delayOf(n, 500));
      return trial.finish(await trial.start());
    });
    await sleep(delayOf(3, 2_000));
    await killWorker();
    // Temporal assigns the interrupted steps again after 10 s without a heartbeat.
    await sleep(delayOf(4, 13_000));
    await killWorker();
    for (const [n, job] of (await Promise.all(running)).entries()) {
      expect(job).toMatchObject(allDeleted(trials[n]!));
      await expectInvariants(trials[n]!);
    }
  },
  TRIAL_TIMEOUT_MS,
);
