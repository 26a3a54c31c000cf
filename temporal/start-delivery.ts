import type { Client } from '@temporalio/client';
import {
  DELIVERY_TYPE,
  type DeliveryInput,
  deliveryWorkflowIdOf,
} from '../workflows/contracts/deliveries.ts';
import { startWorkflow } from './start-workflow.ts';

/** Starts a delivery's workflow. @throws as `startWorkflow` does */
export const startDeliveryWorkflow = (
  client: Client,
  taskQueue: string,
  { deliveryId, round, workspaceId }: DeliveryInput & { workspaceId: string },
): Promise<void> => {
  const input: DeliveryInput = { deliveryId, round };
  return startWorkflow(client, taskQueue, {
    type: DELIVERY_TYPE,
    id: deliveryWorkflowIdOf(input),
    input,
    job: 'webhook',
    workspaceId,
    summary: `Send a request to a webhook of workspace ${workspaceId}`,
  });
};
