import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { type JobType, JOB_KINDS, workflowIdOf } from '../workflows/contract.ts';

/** What Temporal is told of a job. */
export interface StartableJob {
  id: string;
  type: JobType;
  workspaceId: string;
}

/** Longest wait for Temporal to take a job, in milliseconds. */
const START_DEADLINE_MS = 5_000;

const SUMMARIES: Record<JobType, string> = {
  export: 'Export users of workspace',
  import: 'Import users into workspace',
  deletion: 'Delete users of workspace',
  restore: 'Restore users of workspace',
};

const jobAttribute = defineSearchAttributeKey('KeepsakeJob', SearchAttributeType.KEYWORD);
const workspaceAttribute = defineSearchAttributeKey(
  'KeepsakeWorkspace',
  SearchAttributeType.KEYWORD,
);

/**
 * Starts a job's workflow; one that runs or ran already is as good. Safe to call again.
 *
 * @throws Error when Temporal did not take it in time; it may have taken it all the same
 */
export const startJobWorkflow = async (
  client: Client,
  taskQueue: string,
  job: StartableJob,
): Promise<void> => {
  const start = () =>
    client.workflow.start(JOB_KINDS[job.type].workflowType, {
      workflowId: workflowIdOf(job),
      taskQueue,
      args: [{ jobId: job.id }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      typedSearchAttributes: [
        { key: jobAttribute, value: job.type },
        { key: workspaceAttribute, value: job.workspaceId },
      ],
      staticSummary: `${SUMMARIES[job.type]} ${job.workspaceId}`,
    });
  try {
    await client.connection.withDeadline(Date.now() + START_DEADLINE_MS, start);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
};
