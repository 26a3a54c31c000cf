import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { listStaleJobs } from '../db/job-runs.ts';
import { startJobWorkflow } from '../temporal/start-job.ts';
import { workflowIdOf, type Activities, type JobEnd } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { createEndJob } from './end-job.ts';

/** A job younger than this is its own request's business. */
const STALE_AFTER_SECONDS = 15;
const SWEEP_LIMIT = 200;

const TERMINATED: JobEnd = {
  kind: 'failed',
  type: 'workflowTerminated',
  message: 'The workflow was terminated before the job ended.',
};

export interface SweepDeps {
  temporal: Client;
  taskQueue: string;
}

/** Whether Temporal has closed the job's workflow, or knows none. */
const isGone = async (client: Client, workflowId: string): Promise<boolean> => {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name !== 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return true;
    throw error;
  }
};

/**
 * Starts what a crash left between database and Temporal, and ends the jobs whose workflow was
 * terminated, so that no job stays unfinished for ever. One that cannot be dealt with keeps no other
 * waiting; the failure is thrown at the end.
 */
export const createStartQueuedJobs =
  (deps: ActivityDeps & SweepDeps): Activities['startQueuedJobs'] =>
  async () => {
    const { temporal, taskQueue } = deps;
    const { db } = deps.database;
    const endJob = createEndJob(deps);
    const swept = { started: 0, ended: 0 };
    const troubles: unknown[] = [];
    const sweep = async (job: Awaited<ReturnType<typeof listStaleJobs>>[number]) => {
      if (job.state === 'queued') {
        await startJobWorkflow(temporal, taskQueue, { ...job, workspaceId: job.workspace_id });
        swept.started += 1;
      } else if (await isGone(temporal, workflowIdOf(job))) {
        await endJob({ jobId: job.id, end: TERMINATED });
        swept.ended += 1;
      }
    };
    for (const job of await listStaleJobs(db, STALE_AFTER_SECONDS, SWEEP_LIMIT)) {
      await sweep(job).catch((error: unknown) => troubles.push(error));
    }
    if (troubles.length > 0) throw troubles[0];
    return swept;
  };
