import { CancellationScope, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from './contract.ts';
import {
  ATTEMPT_TIMEOUT_MS,
  BACK_OFF,
  DELIVERY_LASTS_MS,
  type DeliveryInput,
  deliveryQueueOf,
  type DeliveryState,
} from './delivery-contract.ts';

/** Attempts that fail leave nothing in the history, however many they are. */
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

/** Waits for a database that is away however long it takes. */
const { giveUpDelivery } = proxyActivities<Activities>({
  startToCloseTimeout: '10 s',
  retry: { initialInterval: '500 ms', maximumInterval: '1 minute' },
});

/** Tells a receiver of the end of a job, again and again until it takes it, or for three days. */
export const deliverWebhook = async (input: DeliveryInput): Promise<DeliveryState> => {
  try {
    return await attempt()(input);
  } catch {
    // Its time is over, or an operator ended it.
    return CancellationScope.nonCancellable(() => giveUpDelivery(input));
  }
};
