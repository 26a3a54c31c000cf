/**
 * The contract between workflows, activities, API and worker for webhooks: ids, states and times.
 */

/** The ends of jobs that a webhook can subscribe to. */
export const EVENT_TYPES = [
  'job.succeeded',
  'job.partiallySucceeded',
  'job.failed',
  'job.cancelled',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

/** The event of `POST …/test`; it is attempted once. */
export const TEST_EVENT = 'webhook.test';

export type DeliveryState = 'pending' | 'delivered' | 'failed';

/** A delivery, and the round that the workflow is to complete. Each replay is a new round. */
export interface DeliveryInput {
  deliveryId: string;
  round: number;
}

export const DELIVERY_TYPE = 'DeliverWebhook';

/** A round always has the same workflow id, so a second start finds the first. */
export const deliveryWorkflowIdOf = ({ deliveryId, round }: DeliveryInput): string =>
  `webhook/${deliveryId}/${round}`;

/** Webhook requests have their own task queue, so slow receivers delay no job. */
export const deliveryQueueOf = (taskQueue: string): string => `${taskQueue}-webhooks`;

const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;

/**
 * The back-off of a delivery: first 5 s, then three times as long each time, up to an hour. It ends
 * after 3 days.
 */
export const BACK_OFF = { firstMs: 5 * SECOND_MS, factor: 3, mostMs: HOUR_MS } as const;
export const DELIVERY_LASTS_MS = 72 * HOUR_MS;
/** The longest wait that a receiver's `Retry-After` can cause. */
export const MAX_RETRY_AFTER_MS = 6 * HOUR_MS;
/** For one attempt; the HTTP request itself has a shorter limit. */
export const ATTEMPT_TIMEOUT_MS = 45 * SECOND_MS;
