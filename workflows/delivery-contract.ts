/** What workflows, activities, API and worker agree on of webhooks: ids, states, times. */

/** The ends of jobs that a webhook may be told of. */
export const EVENT_TYPES = [
  'job.succeeded',
  'job.partiallySucceeded',
  'job.failed',
  'job.cancelled',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

/** What `POST …/test` sends; it is tried once. */
export const TEST_EVENT = 'webhook.test';

export type DeliveryState = 'pending' | 'delivered' | 'failed';

/** A delivery, and the round of it that a workflow is to end: each replay is a round of its own. */
export interface DeliveryInput {
  deliveryId: string;
  round: number;
}

export const DELIVERY_TYPE = 'DeliverWebhook';

/** The same round always has the same workflow id, so a second start finds the first. */
export const deliveryWorkflowIdOf = ({ deliveryId, round }: DeliveryInput): string =>
  `webhook/${deliveryId}/${round}`;

/** Requests to receivers have a queue of their own, so that slow ones keep no job waiting. */
export const deliveryQueueOf = (taskQueue: string): string => `${taskQueue}-webhooks`;

const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;

/**
 * How a delivery is tried: first after 5 s, then three times as long each time up to an hour, for 3
 * days.
 */
export const BACK_OFF = { firstMs: 5 * SECOND_MS, factor: 3, mostMs: HOUR_MS } as const;
export const DELIVERY_LASTS_MS = 72 * HOUR_MS;
/** Longest wait that a receiver's `Retry-After` brings about. */
export const MAX_RETRY_AFTER_MS = 6 * HOUR_MS;
/** For one attempt; the request itself ends sooner. */
export const ATTEMPT_TIMEOUT_MS = 45 * SECOND_MS;
