import { WorkflowContinuedAsNewError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SWEEP, SWEEP_SIGNALS, type SweepInput } from '../../workflows/contracts/jobs.ts';
import { startTimeSkipping } from '../support/stack/temporal-environment.ts';
import { WORKFLOW_BUNDLE } from '../support/stack/builds.ts';
import { installQuietRuntime } from '../support/stack/quiet-runtime.ts';

/** The sweep over several hours, on a Temporal server whose clock runs ahead. */

const QUEUE = 'sweeps';

let env: TestWorkflowEnvironment;
let sweeps = 0;
let isBroken = false;
let stop: () => Promise<void>;

const startQueuedJobs = async () => {
  sweeps += 1;
  if (isBroken) throw new Error('broken');
  return { started: 1, ended: 2 };
};

beforeAll(async () => {
  installQuietRuntime();
  env = await startTimeSkipping();
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue: QUEUE,
    workflowBundle: { codePath: WORKFLOW_BUNDLE },
    activities: { startQueuedJobs },
  });
  const running = worker.run();
  stop = async () => {
    worker.shutdown();
    await running;
    await env.teardown();
  };
});

afterAll(() => stop());

beforeEach(() => {
  sweeps = 0;
  isBroken = false;
});

const start = (input: SweepInput = {}) =>
  env.client.workflow.start(SWEEP.workflowType, {
    workflowId: `sweep-${Math.random()}`,
    taskQueue: QUEUE,
    args: [input],
    followRuns: false,
  });

test('a paused sweep waits until it is triggered or resumed, and its next run is paused, too', async () => {
  const handle = await start({ isPaused: true });
  await env.sleep('10 minutes');
  expect(sweeps).toBe(0);
  await handle.signal(SWEEP_SIGNALS.now);
  await expect.poll(() => sweeps).toBe(1);
  await expect(handle.result()).rejects.toBeInstanceOf(WorkflowContinuedAsNewError);
  await env.sleep('10 minutes');
  expect(sweeps).toBe(1);
  const next = env.client.workflow.getHandle(handle.workflowId);
  await next.signal(SWEEP_SIGNALS.resume);
  await env.sleep('3 minutes');
  expect(sweeps).toBeGreaterThan(1);
  await next.terminate();
});

test('the sweep runs every minute, also after a failure, and continues in a new run after hours', async () => {
  const handle = await start();
  await env.sleep('90 seconds');
  isBroken = true;
  await env.sleep('2 minutes');
  isBroken = false;
  expect(sweeps).toBeGreaterThanOrEqual(3);
  await expect(handle.result()).rejects.toBeInstanceOf(WorkflowContinuedAsNewError);
  expect(sweeps).toBeGreaterThanOrEqual(360);
  await env.client.workflow.getHandle(handle.workflowId).terminate();
});
