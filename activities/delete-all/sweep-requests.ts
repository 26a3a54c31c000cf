import {
  type Client,
  type WorkflowExecutionStatusName,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { uuidv7 } from 'uuidv7';
import type { Config } from '../../config.ts';
import { listStaleRequests } from '../../db/delete-all/delete-all-requests.ts';
import { findRunEnd } from '../../db/jobs/job-runs.ts';
import { startRequestWorkflow } from '../../temporal/start-request.ts';
import {
  type Activities,
  type DecisionKind,
  isUnfinished,
  LOOK_SIGNAL,
  noticeOf,
  requestWorkflowIdOf,
  type RequestView,
  workflowIdOf,
} from '../../workflows/contract.ts';
import { decideFor, type DecideDeps } from './decide-request.ts';
import type { ActivityDeps } from '../deps.ts';
import { createNotifyRequest, type NotifyRequestDeps } from '../mails/notify-request.ts';

type Stale = Awaited<ReturnType<typeof listStaleRequests>>[number];

export interface RequestSweepDeps extends DecideDeps, NotifyRequestDeps {
  database: ActivityDeps['database'];
  temporal: Client;
  taskQueue: string;
  config: NotifyRequestDeps['config'] & Pick<Config, 'deleteAllTimes'>;
}

/**
 * States in which a workflow does nothing more. Every other state is alive: running, paused, and
 * states of a later Temporal server. After `CONTINUED_AS_NEW` the next run goes on.
 */
const CLOSED: readonly WorkflowExecutionStatusName[] = [
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TERMINATED',
  'TIMED_OUT',
];

/**
 * The latest run of a workflow, and whether it can still go on. `undefined` if Temporal knows no
 * run.
 */
export const findRun = async (client: Client, workflowId: string) => {
  try {
    const { status, runId } = await client.workflow.getHandle(workflowId).describe();
    return { runId, isAlive: !CLOSED.includes(status.name) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
};

/**
 * Ends a request whose workflow is closed though it has not ended: an operator terminated it. A run
 * that is under way goes on, and decides how the request ended.
 */
const endRequest = async (
  deps: RequestSweepDeps,
  request: Stale,
  endJob: (jobId: string) => Promise<unknown>,
): Promise<boolean> => {
  const { db } = deps.database;
  // In the name of the run that is over: should another have claimed it meanwhile, that one
  // decides.
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
  // A window that a run handed back has nobody to close it any more.
  if (isUnfinished(state)) ({ state } = await decide('stop'));
  const kind = noticeOf(state);
  if (kind !== undefined) await createNotifyRequest(deps)({ requestId: request.id, kind });
  return true;
};

/** What the sweep does about one request; counts what it started and ended. */
const sweepRequest = async (
  deps: RequestSweepDeps,
  request: Stale,
  endJob: (jobId: string) => Promise<unknown>,
): Promise<{ started: number; ended: number }> => {
  const { temporal, taskQueue, config } = deps;
  const workflowId = requestWorkflowIdOf(request.id);
  const run = await findRun(temporal, workflowId);
  if (run === undefined && request.run_id === null) {
    const { id, workspace_id: workspaceId } = request;
    await startRequestWorkflow(temporal, taskQueue, {
      id,
      workspaceId,
      times: config.deleteAllTimes,
    });
    return { started: 1, ended: 0 };
  }
  if (run?.isAlive !== true) {
    return { started: 0, ended: (await endRequest(deps, request, endJob)) ? 1 : 0 };
  }
  // After a reset its history may be older than what was decided since.
  if (run.runId !== request.run_id) {
    await temporal.workflow.getHandle(workflowId).signal(LOOK_SIGNAL);
  }
  return { started: 0, ended: 0 };
};

/** Sweeps each in turn; what goes wrong with one is handed to `onTrouble` and stops no other. */
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
