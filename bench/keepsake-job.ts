import { setTimeout as sleep } from 'node:timers/promises';
import type { Job as JobJson } from '../local/api-client.ts';
import type { Bench } from './bench-stack.ts';
import type { Run } from './contest.ts';
import { readSteps, type Step } from './job-steps.ts';
import { watchMemory } from './usage.ts';

const POLL_MS = 100;
const DEADLINE_MS = 30 * 60_000;
const FINAL = ['succeeded', 'partiallySucceeded', 'failed', 'cancelled'];

type Job = JobJson & { workflow: { id: string } };

export interface JobRun extends Run {
  /** The most each had resident while the job ran. */
  peakBytes: { worker: number; api: number };
  steps: Step[];
}

/** Looks at the list of jobs: one by its id would ask the busy worker each time. */
const waitForEnd = async ({ api }: Bench, jobId: string): Promise<Job> => {
  const start = performance.now();
  while (performance.now() - start < DEADLINE_MS) {
    const { data } = await api.succeed<{ data: Job[] }>('GET', '/v1/jobs?limit=1');
    const job = data.find(({ id }) => id === jobId);
    if (job !== undefined && FINAL.includes(job.state)) return job;
    await sleep(POLL_MS);
  }
  throw new Error(`job ${jobId} did not end within ${DEADLINE_MS} ms`);
};

/**
 * Begins a job and waits for its final state, both through the API. @throws Error when the job ends
 * otherwise than `succeeded`
 */
export const timeJob = async (
  bench: Bench,
  begin: () => Promise<{ id: string }>,
): Promise<{ run: JobRun; job: Job }> => {
  const { worker = 0, api = 0 } = bench.info().pids;
  const memory = { worker: watchMemory(worker), api: watchMemory(api) };
  const start = performance.now();
  const { id } = await begin();
  const job = await waitForEnd(bench, id);
  const seconds = (performance.now() - start) / 1_000;
  if (job.state !== 'succeeded') {
    throw new Error(`job ${id} ended ${job.state}: ${JSON.stringify(job.error ?? job.counts)}`);
  }
  const run = {
    seconds,
    peakBytes: { worker: memory.worker.peakBytes(), api: memory.api.peakBytes() },
    steps: await readSteps(bench.temporal, job.workflow.id),
  };
  return { run, job };
};

/** The same for a job that one request of JSON begins. */
export const runJob = (bench: Bench, path: string, body: object) =>
  timeJob(bench, () => bench.api.succeed<{ id: string }>('POST', path, body));

/** Of API and worker, the larger one's. */
export const largestBytes = ({ peakBytes }: JobRun): number =>
  Math.max(peakBytes.worker, peakBytes.api);
