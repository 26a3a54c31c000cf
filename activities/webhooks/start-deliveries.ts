import type { Client } from '@temporalio/client';
import {
  listDeliveriesOfJob,
  listOverdueDeliveries,
  type StartableDelivery,
} from '../../db/webhooks/webhook-deliveries.ts';
import { startDeliveryWorkflow } from '../../temporal/start-delivery.ts';
import { deliveryWorkflowIdOf } from '../../workflows/contracts/deliveries.ts';
import { createGiveUpDelivery } from './attempt-delivery.ts';
import type { ActivityDeps, WebhookDeps } from '../deps.ts';
import { findRun } from '../delete-all/sweep-requests.ts';

export interface DeliverySweepDeps extends Pick<ActivityDeps, 'database'>, WebhookDeps {
  temporal: Client;
  taskQueue: string;
}

/** Starts the deliveries of a job that has just ended. The sweep starts those that fail here. */
export const startDeliveriesOf = async (
  { database, temporal, taskQueue }: Omit<DeliverySweepDeps, 'webhooks'>,
  jobId: string,
): Promise<void> => {
  for (const delivery of await listDeliveriesOfJob(database.db, jobId)) {
    await startDeliveryWorkflow(temporal, taskQueue, delivery);
  }
};

/** A delivery this late was not started, or not retried, as planned. */
const OVERDUE_SECONDS = 15;
/**
 * Many late deliveries may still be alive, for example if their worker is down. The sweep reads
 * further pages, so that they do not hide others.
 */
const MAX_PAGES = 25;
/**
 * The longest time of this part of the sweep, in milliseconds. Each delivery costs a call to
 * Temporal, and the rest of the sweep waits.
 */
const SWEEP_MS = 20_000;

/**
 * Starts up to `limit` deliveries that a crash left behind or that Temporal has lost. Ends those
 * whose workflow was terminated. A delivery whose workflow is alive only waits.
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
  const seconds = OVERDUE_SECONDS;
  const end = performance.now() + SWEEP_MS;
  let afterId: string | undefined;
  for (let page = 0; page < MAX_PAGES && swept.started + swept.ended < limit; page++) {
    const late = await listOverdueDeliveries(database.db, {
      seconds,
      limit,
      ...(afterId !== undefined && { afterId }),
    });
    for (const delivery of late) {
      if (performance.now() > end) return swept;
      await sweep(delivery).catch(onTrouble);
    }
    if (late.length < limit) break;
    afterId = late.at(-1)?.deliveryId;
  }
  return swept;
};
