import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** Longest wait for Temporal to take a workflow, in milliseconds. */
const START_DEADLINE_MS = 5_000;

const jobAttribute = defineSearchAttributeKey('KeepsakeJob', SearchAttributeType.KEYWORD);
const workspaceAttribute = defineSearchAttributeKey(
  'KeepsakeWorkspace',
  SearchAttributeType.KEYWORD,
);

/** A workflow to start; it must hold no user's data. */
export interface StartableWorkflow {
  type: string;
  id: string;
  input: object;
  /** What it is about, for the search attribute of that name. */
  job: string;
  workspaceId: string;
  /** What Temporal's UI shows beside it, in one line. */
  summary: string;
  /** Whether one that has ended is started anew; else it stays as it ended. */
  mayRunAgain?: boolean;
}

/**
 * Starts a workflow; one that runs or ran already under its id is as good. Safe to call again.
 *
 * @throws Error when Temporal did not take it in time; it may have taken it all the same
 */
export const startWorkflow = async (
  client: Client,
  taskQueue: string,
  { type, id, input, job, workspaceId, summary, mayRunAgain = false }: StartableWorkflow,
): Promise<void> => {
  const start = () =>
    client.workflow.start(type, {
      workflowId: id,
      taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: mayRunAgain ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
      typedSearchAttributes: [
        { key: jobAttribute, value: job },
        { key: workspaceAttribute, value: workspaceId },
      ],
      staticSummary: summary,
    });
  try {
    await client.connection.withDeadline(Date.now() + START_DEADLINE_MS, start);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
};
