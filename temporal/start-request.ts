import type { Client } from '@temporalio/client';
import {
  DELETE_ALL_TYPE,
  type DeleteAllInput,
  requestWorkflowIdOf,
} from '../workflows/contracts/delete-all.ts';
import { startWorkflow } from './start-workflow.ts';

/** Starts a request's workflow. @throws as `startWorkflow` does */
export const startRequestWorkflow = (
  client: Client,
  taskQueue: string,
  { id, workspaceId }: { id: string; workspaceId: string },
): Promise<void> => {
  const input: DeleteAllInput = { requestId: id };
  return startWorkflow(client, taskQueue, {
    type: DELETE_ALL_TYPE,
    id: requestWorkflowIdOf(id),
    input,
    job: 'deleteAll',
    workspaceId,
    summary: `Delete all users of workspace ${workspaceId}`,
  });
};
