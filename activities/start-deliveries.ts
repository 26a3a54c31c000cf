import type { Client } from '@temporalio/client';
import {
  listDeliveriesOfJob,
  listOverdueDeliveries,
  type StartableDelivery,
} from '../db/webhook-deliveries.ts';
import { startDeliveryWorkflow } from '../temporal/start-delivery.ts';
import { deliveryWorkflowIdOf } from '../workflows/delivery-contract.ts';
import { createGiveUpDelivery } from './attempt-delivery.ts';
import type { ActivityDeps, WebhookDeps } from './deps.ts';
import { findRun } from './sweep-requests.ts';

export interface DeliverySweepDeps extends Pick<ActivityDeps, 'database'>, WebhookDeps {
  temporal: Client;
  taskQueue: string;
}

/** Starts at once what is to be told of a job that has just ended; what fails is left to the sweep. */
export const startDeliveriesOf = async (
  { database, temporal, taskQueue }: Omit<DeliverySweepDeps, 'webhooks'>,
  jobId: string,
): Promise<void> => {
  for (const delivery of await listDeliveriesOfJob(database.db, jobId)) {
    await startDeliveryWorkflow(temporal, taskQueue, delivery);
  }
};

/** Later than this, whoever was to start it, or to try it again, has not. */
const OVERDUE_SECONDS = 15;

/**
 * Starts deliveries that a crash left behind, or that Temporal has lost, and ends those whose workflow
 * was terminated. One whose workflow is alive only waits for its turn.
 */
export const sweepDeliveries = async (
  deps: DeliverySweepDeps,
  limit: number,
  onTrouble: (error: unknown) => void,
): Promise<{ started: number; ended: number }> => {
  const { database, temporal, taskQueue } = deps;
  const giveUp = createGiveUpDelivery(deps);
  const swept = { started: 0, ended: 0 };
  const sweep = async (delivery: StartableDelivery) => {
    const run = await findRun(temporal, deliveryWorkflowIdOf(delivery));
    if (run?.isAlive === true) return;
    if (run === undefined) {
      await startDeliveryWorkflow(temporal, taskQueue, delivery);
      swept.started += 1;
    } else {
      await giveUp(delivery);
      swept.ended += 1;
    }
  };
  for (const delivery of await listOverdueDeliveries(database.db, OVERDUE_SECONDS, limit)) {
    await sweep(delivery).catch(onTrouble);
  }
  return swept;
};
