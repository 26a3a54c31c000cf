import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { startRequestWorkflow } from '../../temporal/start-request.ts';
import { type MessageKind, requestWorkflowIdOf } from '../../workflows/contracts/delete-all.ts';

/** How long a caller waits for Temporal, in milliseconds. */
const SIGNAL_DEADLINE_MS = 3_000;

/** The calls of the API to the workflows of delete-all requests. */
export interface RequestWorkflows {
  /** Starts the workflow of a request, if not started. @throws Error if Temporal is unavailable */
  start: (request: { id: string; workspaceId: string }) => Promise<void>;
  /**
   * Sends a decision to the workflow. False if the workflow has ended.
   *
   * @throws Error if Temporal did not confirm in time; the decision may still have been accepted
   */
  send: (requestId: string, kind: MessageKind, message: { decisionId: string }) => Promise<boolean>;
}

export const createRequestWorkflows = (client: Client, taskQueue: string): RequestWorkflows => ({
  start: (request) => startRequestWorkflow(client, taskQueue, request),
  send: async (requestId, kind, message) => {
    const handle = client.workflow.getHandle(requestWorkflowIdOf(requestId));
    try {
      await client.connection.withDeadline(Date.now() + SIGNAL_DEADLINE_MS, () =>
        handle.signal(kind, message),
      );
      return true;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  },
});
