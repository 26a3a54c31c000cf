import { setTimeout as sleep } from 'node:timers/promises';
import type { Job as JobJson } from '../local/api-client.ts';
import type { Bench } from './bench-stack.ts';
import type { Run } from './contest.ts';
import { readSteps, type Step } from './job-steps.ts';
import { cpuSeconds, watchMemory } from './usage.ts';

const POLL_MS = 50;
const DEADLINE_MS = 30 * 60_000;
const FINAL = ['succeeded', 'partiallySucceeded', 'failed', 'cancelled'];

type Job = JobJson & { workflow: { id: string } };

export interface JobRun extends Run {
  /** The most each had resident while the job ran. */
  peakBytes: { worker: number; api: number };
  /** Processor time while the job ran, by process; PostgreSQL's with all of its own. */
  cpu: Record<string, number>;
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

const processIds = ({ info }: Bench): Record<string, number> => {
  const { worker = 0, api = 0, temporal = 0, postgres = 0 } = info().pids;
  return { worker, api, temporal, postgres };
};

const cpuByProcess = (bench: Bench): Record<string, number> =>
  Object.fromEntries(
    Object.entries(processIds(bench)).map(([name, pid]) => [name, cpuSeconds(pid)]),
  );

/**
 * Asks for a job and waits for its final state, both through the API. @throws Error when the job ends
 * otherwise than `succeeded`
 */
export const runJob = async (
  bench: Bench,
  path: string,
  body: object,
): Promise<{ run: JobRun; job: Job }> => {
  const { worker = 0, api = 0 } = processIds(bench);
  const memory = { worker: watchMemory(worker), api: watchMemory(api) };
  const before = cpuByProcess(bench);
  const start = performance.now();
  const { id } = await bench.api.succeed<{ id: string }>('POST', path, body);
  const job = await waitForEnd(bench, id);
  const seconds = (performance.now() - start) / 1_000;
  const after = cpuByProcess(bench);
  if (job.state !== 'succeeded') {
    throw new Error(
      `${path}: the job ended ${job.state}: ${JSON.stringify(job.error ?? job.counts)}`,
    );
  }
  const run = {
    seconds,
    peakBytes: { worker: memory.worker.peakBytes(), api: memory.api.peakBytes() },
    cpu: Object.fromEntries(
      Object.entries(after).map(([name, total]) => [name, total - (before[name] ?? 0)]),
    ),
    steps: await readSteps(bench.temporal, job.workflow.id),
  };
  return { run, job };
};

/** Of API and worker, the larger one's. */
export const largestBytes = ({ peakBytes }: JobRun): number =>
  Math.max(peakBytes.worker, peakBytes.api);
