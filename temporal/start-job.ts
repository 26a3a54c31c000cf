import type { Client } from '@temporalio/client';
import {
  type JobInput,
  type JobType,
  JOB_KINDS,
  workflowIdOf,
} from '../workflows/contracts/jobs.ts';
import { startWorkflow } from './start-workflow.ts';

/** The facts about a job that Temporal may hold. */
export interface StartableJob {
  id: string;
  type: JobType;
  workspaceId: string;
}

/** Starts a job's workflow. @throws as `startWorkflow` does */
export const startJobWorkflow = (
  client: Client,
  taskQueue: string,
  job: StartableJob,
): Promise<void> => {
  const kind = JOB_KINDS[job.type];
  const input: JobInput = { jobId: job.id };
  return startWorkflow(client, taskQueue, {
    type: kind.workflowType,
    id: workflowIdOf(job),
    input,
    job: job.type,
    workspaceId: job.workspaceId,
    summary: `${kind.summary} ${job.workspaceId}`,
  });
};
