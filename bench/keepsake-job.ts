import { setTimeout as sleep } from 'node:timers/promises';
import { type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import type { Job } from '../local/api-client.ts';
import type { Bench } from './bench-stack.ts';
import type { Run } from './contest.ts';
import { readSteps, type Step } from './job-steps.ts';
import { watchMemory } from './usage.ts';

const DEADLINE_MS = 30 * 60_000;
/** The request's workflow starts the run of a request, just after the API has answered. */
const START_DEADLINE_MS = 10_000;
const START_POLL_MS = 10;

export interface JobRun extends Run {
  /** The peak resident memory of each process while the job ran. */
  peakBytes: { worker: number; api: number };
  steps: Step[];
}

/**
 * Starts a job through the API and waits for its final state. @throws Error when the job ends in
 * another state than `succeeded`
 */
export const timeJob = async (
  bench: Bench,
  begin: () => Promise<Job>,
): Promise<{ run: JobRun; job: Job }> => {
  const { worker = 0, api = 0 } = bench.info().pids;
  const memory = { worker: watchMemory(worker), api: watchMemory(api) };
  const start = performance.now();
  const job = await waitForEnd(bench, await begin());
  const seconds = (performance.now() - start) / 1_000;
  if (job.state !== 'succeeded') {
    throw new Error(`job ${job.id} ended ${job.state}: ${JSON.stringify(job.error ?? job.counts)}`);
  }
  const run = {
    seconds,
    peakBytes: { worker: memory.worker.peakBytes(), api: memory.api.peakBytes() },
    steps: await readSteps(bench.temporal, job.workflow.id),
  };
  return { run, job };
};

/** Starts a job by one JSON request, and waits for its final state. */
export const runJob = (bench: Bench, path: string, body: object) =>
  timeJob(bench, () => bench.api.succeed<Job>('POST', path, body));

/** The larger peak memory of API and worker. */
export const largestBytes = ({ peakBytes }: JobRun): number =>
  Math.max(peakBytes.worker, peakBytes.api);

/**
 * Waits for a job's workflow to end, which is just after its final state was stored. Polling the
 * API instead would take a twelfth of the processor time from the job.
 */
const waitForEnd = async ({ api, temporal }: Bench, { id, workflow }: Job): Promise<Job> => {
  const handle = temporal.workflow.getHandle(workflow.id);
  await untilStarted(handle);
  await temporal.withDeadline(Date.now() + DEADLINE_MS, () => handle.result());
  return api.succeed('GET', `/v1/jobs/${id}`);
};

const untilStarted = async (handle: WorkflowHandle): Promise<void> => {
  for (const deadline = Date.now() + START_DEADLINE_MS; ;) {
    try {
      await handle.describe();
      return;
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError) || Date.now() > deadline) throw error;
    }
    await sleep(START_POLL_MS);
  }
};
