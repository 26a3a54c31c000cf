import {
  type Client,
  type WorkflowExecutionStatusName,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { uuidv7 } from 'uuidv7';
import { listStaleRequests } from '../../db/delete-all/delete-all-requests.ts';
import { findRunEnd } from '../../db/jobs/job-runs.ts';
import { startRequestWorkflow } from '../../temporal/start-request.ts';
import { type Activities } from '../../workflows/contracts/activities.ts';
import {
  type DecisionKind,
  isUnfinished,
  LOOK_SIGNAL,
  noticeOf,
  requestWorkflowIdOf,
  type RequestView,
} from '../../workflows/contracts/delete-all.ts';
import { workflowIdOf } from '../../workflows/contracts/jobs.ts';
import { decideFor, type DecideDeps } from './decide-request.ts';
import type { ActivityDeps } from '../deps.ts';
import { createNotifyRequest, type NotifyRequestDeps } from '../mails/notify-request.ts';

type Stale = Awaited<ReturnType<typeof listStaleRequests>>[number];

export interface RequestSweepDeps extends DecideDeps, NotifyRequestDeps {
  database: ActivityDeps['database'];
  temporal: Client;
  taskQueue: string;
  config: NotifyRequestDeps['config'];
}

/**
 * The final states of a workflow. All others count as alive: running, paused, and states of later
 * versions of Temporal. After `CONTINUED_AS_NEW` the next run continues.
 */
const CLOSED: readonly WorkflowExecutionStatusName[] = [
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TERMINATED',
  'TIMED_OUT',
];

/** The latest run of a workflow, and whether it is alive. Undefined if Temporal knows no run. */
export const findRun = async (client: Client, workflowId: string) => {
  try {
    const { status, runId } = await client.workflow.getHandle(workflowId).describe();
    return { runId, isAlive: !CLOSED.includes(status.name) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
};

/** Sweeps each request in turn. A failure is passed to `onTrouble` and does not stop the others. */
export const sweepRequests = async (
  deps: RequestSweepDeps,
  endJob: (jobId: string) => Promise<unknown>,
  { staleSeconds, limit }: { staleSeconds: number; limit: number },
  onTrouble: (error: unknown) => void,
): ReturnType<Activities['startQueuedJobs']> => {
  const swept = { started: 0, ended: 0 };
  for (const request of await listStaleRequests(deps.database.db, staleSeconds, limit)) {
    await sweepRequest(deps, request, endJob)
      .then(({ started, ended }) => {
        swept.started += started;
        swept.ended += ended;
      })
      .catch(onTrouble);
  }
  return swept;
};

/** Sweeps one request. Returns how many workflows it started and how many requests it ended. */
const sweepRequest = async (
  deps: RequestSweepDeps,
  request: Stale,
  endJob: (jobId: string) => Promise<unknown>,
): Promise<{ started: number; ended: number }> => {
  const { temporal, taskQueue } = deps;
  const workflowId = requestWorkflowIdOf(request.id);
  const run = await findRun(temporal, workflowId);
  if (run === undefined && request.run_id === null) {
    const { id, workspace_id: workspaceId } = request;
    await startRequestWorkflow(temporal, taskQueue, { id, workspaceId });
    return { started: 1, ended: 0 };
  }
  if (run?.isAlive !== true) {
    return { started: 0, ended: (await endRequest(deps, request, endJob)) ? 1 : 0 };
  }
  // After a reset the history may lack later decisions, so the workflow must read the row again.
  if (run.runId !== request.run_id) {
    await temporal.workflow.getHandle(workflowId).signal(LOOK_SIGNAL);
  }
  return { started: 0, ended: 0 };
};

/**
 * Ends a request whose workflow an operator terminated. If the request's run is still in progress,
 * the run goes on, and the request ends after it.
 *
 * @returns whether the request was ended
 */
const endRequest = async (
  deps: RequestSweepDeps,
  request: Stale,
  endJob: (jobId: string) => Promise<unknown>,
): Promise<boolean> => {
  const { db } = deps.database;
  // Decides in the name of the closed run. If another run has claimed the request in the meantime,
  // that run decides.
  const decide = (kind: DecisionKind): Promise<RequestView> =>
    decideFor(deps, request.run_id, { requestId: request.id, kind, id: uuidv7() });
  let state = request.state;
  if (state === 'running' && request.job_id !== null) {
    const job = { id: request.job_id, type: 'deletion' } as const;
    if ((await findRunEnd(db, job.id)) === null) {
      if ((await findRun(deps.temporal, workflowIdOf(job)))?.isAlive === true) return false;
      await endJob(job.id);
    }
    ({ state } = await decide('finish'));
  }
  // If the run handed the window back, no workflow is left to close it.
  if (isUnfinished(state)) ({ state } = await decide('stop'));
  const kind = noticeOf(state);
  if (kind !== undefined) await createNotifyRequest(deps)({ requestId: request.id, kind });
  return true;
};
