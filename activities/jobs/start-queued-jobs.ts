import { listStaleJobs } from '../../db/jobs/job-runs.ts';
import { startJobWorkflow } from '../../temporal/start-job.ts';
import { type Activities } from '../../workflows/contracts/activities.ts';
import { workflowIdOf, type JobEnd } from '../../workflows/contracts/jobs.ts';
import type { WebhookDeps } from '../deps.ts';
import { createEndJob } from './end-job.ts';
import { sweepDeliveries } from '../webhooks/start-deliveries.ts';
import { findRun, sweepRequests, type RequestSweepDeps } from '../delete-all/sweep-requests.ts';

/** The HTTP request that created a younger job still starts it itself. */
const STALE_AFTER_SECONDS = 15;
const SWEEP_LIMIT = 200;

const TERMINATED: JobEnd = {
  kind: 'failed',
  type: 'workflowTerminated',
  message: 'The workflow was terminated before the job ended.',
};

/**
 * Starts the workflows that a crash left unstarted. Ends the jobs, requests and deliveries whose
 * workflow was terminated. A failure does not stop the others, and is thrown at the end.
 */
export const createStartQueuedJobs =
  (deps: RequestSweepDeps & WebhookDeps): Activities['startQueuedJobs'] =>
  async () => {
    const { temporal, taskQueue } = deps;
    const { db } = deps.database;
    const end = createEndJob(deps);
    const endJob = (jobId: string) => end({ jobId, end: TERMINATED });
    const swept = { started: 0, ended: 0 };
    const troubles: unknown[] = [];
    const sweep = async (job: Awaited<ReturnType<typeof listStaleJobs>>[number]) => {
      if (job.state === 'queued') {
        await startJobWorkflow(temporal, taskQueue, { ...job, workspaceId: job.workspace_id });
        swept.started += 1;
      } else if ((await findRun(temporal, workflowIdOf(job)))?.isAlive !== true) {
        await endJob(job.id);
        swept.ended += 1;
      }
    };
    for (const job of await listStaleJobs(db, STALE_AFTER_SECONDS, SWEEP_LIMIT)) {
      await sweep(job).catch((error: unknown) => troubles.push(error));
    }
    const limits = { staleSeconds: STALE_AFTER_SECONDS, limit: SWEEP_LIMIT };
    const requests = await sweepRequests(deps, endJob, limits, (error) => troubles.push(error));
    const deliveries = await sweepDeliveries(deps, SWEEP_LIMIT, (error) => troubles.push(error));
    if (troubles.length > 0) throw troubles[0];
    return {
      started: swept.started + requests.started + deliveries.started,
      ended: swept.ended + requests.ended + deliveries.ended,
    };
  };
