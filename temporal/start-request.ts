import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  DELETE_ALL_TYPE,
  type DeleteAllInput,
  type DeleteAllTimes,
  requestWorkflowIdOf,
} from '../workflows/contract.ts';

/** Longest wait for Temporal to take a request, in milliseconds. */
const START_DEADLINE_MS = 5_000;

const jobAttribute = defineSearchAttributeKey('KeepsakeJob', SearchAttributeType.KEYWORD);
const workspaceAttribute = defineSearchAttributeKey(
  'KeepsakeWorkspace',
  SearchAttributeType.KEYWORD,
);

/**
 * Starts a request's workflow; one that runs or ran already is as good. Safe to call again.
 *
 * @throws Error when Temporal did not take it in time; it may have taken it all the same
 */
export const startRequestWorkflow = async (
  client: Client,
  taskQueue: string,
  { id, workspaceId, times }: { id: string; workspaceId: string; times: DeleteAllTimes },
): Promise<void> => {
  const input: DeleteAllInput = { requestId: id, times };
  const start = () =>
    client.workflow.start(DELETE_ALL_TYPE, {
      workflowId: requestWorkflowIdOf(id),
      taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      typedSearchAttributes: [
        { key: jobAttribute, value: 'deleteAll' },
        { key: workspaceAttribute, value: workspaceId },
      ],
      staticSummary: `Delete all users of workspace ${workspaceId}`,
    });
  try {
    await client.connection.withDeadline(Date.now() + START_DEADLINE_MS, start);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
};
