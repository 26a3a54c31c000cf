import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { startRequestWorkflow } from '../../temporal/start-request.ts';
import {
  type DeleteAllTimes,
  type MessageKind,
  requestWorkflowIdOf,
} from '../../workflows/contract.ts';

/** How long a caller is held up by Temporal, in milliseconds. */
const SIGNAL_DEADLINE_MS = 3_000;

/** What the API asks of the workflows of delete-all requests. */
export interface RequestSender {
  /** Starts a request's workflow; started before is as good. @throws Error when Temporal is away */
  start: (request: { id: string; workspaceId: string }) => Promise<void>;
  /**
   * Hands a decision to the workflow. False when that is over and decides nothing more.
   *
   * @throws Error when Temporal did not take it in time; it may have taken it all the same
   */
  send: (requestId: string, kind: MessageKind, message: { decisionId: string }) => Promise<boolean>;
}

export const createRequestSender = (
  client: Client,
  taskQueue: string,
  times: DeleteAllTimes,
): RequestSender => ({
  start: (request) => startRequestWorkflow(client, taskQueue, { ...request, times }),
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
