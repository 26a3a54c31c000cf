import { CancellationScope, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from './contracts/activities.ts';
import {
  ATTEMPT_TIMEOUT_MS,
  BACK_OFF,
  DELIVERY_LASTS_MS,
  type DeliveryInput,
  deliveryQueueOf,
  type DeliveryState,
} from './contracts/deliveries.ts';

/** Retries without limit while the database is unavailable. */
const { giveUpDelivery } = proxyActivities<Activities>({
  startToCloseTimeout: '10 s',
  retry: { initialInterval: '500 ms', maximumInterval: '1 minute' },
});

/**
 * Reports a job's end to a webhook: retries until the receiver accepts it, for up to three days.
 */
export const deliverWebhook = async (input: DeliveryInput): Promise<DeliveryState> => {
  try {
    return await attempt()(input);
  } catch {
    // The time is over, or an operator cancelled the workflow.
    return CancellationScope.nonCancellable(() => giveUpDelivery(input));
  }
};

/** Failed attempts add nothing to the history, so their number is not limited. */
const attempt = () =>
  proxyActivities<Activities>({
    taskQueue: deliveryQueueOf(workflowInfo().taskQueue),
    startToCloseTimeout: ATTEMPT_TIMEOUT_MS,
    scheduleToCloseTimeout: DELIVERY_LASTS_MS,
    retry: {
      initialInterval: BACK_OFF.firstMs,
      backoffCoefficient: BACK_OFF.factor,
      maximumInterval: BACK_OFF.mostMs,
    },
  }).attemptDelivery;
