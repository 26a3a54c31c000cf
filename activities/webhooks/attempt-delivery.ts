import { ApplicationFailure } from '@temporalio/common';
import type { Config } from '../../config.ts';
import type { Db } from '../../db/client.ts';
import {
  beginAttempt,
  type DeliveryRow,
  findDelivery,
  giveUpDelivery,
  listSecrets,
  postponeDelivery,
  recordDelivered,
  recordFailed,
  recordGone,
  recordMissed,
} from '../../db/webhooks/webhook-deliveries.ts';
import { createTurns } from '../../turns.ts';
import { payloadOf } from '../../webhooks/payload.ts';
import type { Posted } from '../../webhooks/post.ts';
import { signaturesOf } from '../../webhooks/signature.ts';
import type { Activities } from '../../workflows/contracts/activities.ts';
import {
  ATTEMPT_TIMEOUT_MS,
  BACK_OFF,
  type DeliveryInput,
  type DeliveryState,
  MAX_RETRY_AFTER_MS,
  TEST_EVENT,
} from '../../workflows/contracts/deliveries.ts';
import type { ActivityDeps, WebhookDeps } from '../deps.ts';

export interface DeliveryDeps extends Pick<ActivityDeps, 'database'>, WebhookDeps {
  config: Pick<Config, 'publicUrl'>;
}

/** Temporal's facts about an activity attempt. */
export interface AttemptContext {
  signal: AbortSignal;
  /** Temporal's number of this attempt, from 1. */
  attempt: number;
}

/**
 * The most concurrent requests to one webhook in this process, so that one silent receiver does not
 * block others.
 */
const MAX_OF_WEBHOOK = 4;
/**
 * The most concurrent requests of one workspace, which may have several webhooks: a quarter of all.
 */
const MAX_OF_WORKSPACE = 10;
/**
 * The delay before a postponed delivery is tried again, in milliseconds. It doubles from `firstMs`
 * up to `mostMs`, and a random delay of up to the same length is added. It grows because many
 * waiting deliveries would cost many useless attempts.
 */
const STAND_BACK = { firstMs: 5_000, mostMs: 300_000 } as const;

/** The back-off is shortened by up to this share, so that many retries do not come at once. */
const JITTER = 0.2;

/** The delay after so many attempts, in milliseconds. The receiver can ask for a longer one. */
export const delayAfter = (attempts: number, retryAfterMs: number | null): number => {
  const { firstMs, factor, mostMs } = BACK_OFF;
  const backOff = Math.min(firstMs * factor ** Math.min(attempts - 1, 20), mostMs);
  const own = Math.round(backOff * (1 - JITTER * Math.random()));
  return Math.max(own, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
};

/**
 * Sends a delivery once and stores the result. If the worker dies in between, the delivery is sent
 * again under the same id. A delivery that has ended, or that was deleted with its webhook, is not
 * sent.
 */
export const createAttemptDelivery = (
  deps: DeliveryDeps,
  contextOf: () => AttemptContext,
): Activities['attemptDelivery'] => {
  const { db } = deps.database;
  const { meter } = deps.webhooks;
  const takeTurn = createBothTurns();
  const attempt = async (input: DeliveryInput, delivery: DeliveryRow): Promise<DeliveryState> => {
    const attempts = await beginAttempt(db, input, ATTEMPT_TIMEOUT_MS);
    if (attempts === undefined) return 'failed';
    const posted = await send(deps, delivery, contextOf().signal);
    meter.attempt(posted.error ?? 'delivered');
    const state = await record(db, input, { delivery, attempts }, posted);
    meter.delivery(state === 'delivered' ? 'delivered' : 'failed');
    return state;
  };
  return async (input) => {
    const delivery = await findDelivery(db, input);
    if (delivery?.state !== 'pending') return delivery?.state ?? 'failed';
    if (delivery.disabled_at !== null) {
      await recordFailed(db, input, { error: 'switchedOff' });
      meter.delivery('failed');
      return 'failed';
    }
    const giveBack = takeTurn(delivery);
    if (giveBack === undefined) {
      const nextMs = standBackAfter(contextOf().attempt);
      // The sweep looks for overdue deliveries, so the due time must move.
      await postponeDelivery(db, input, nextMs);
      throw standBack(delivery, nextMs);
    }
    try {
      return await attempt(input, delivery);
    } finally {
      giveBack();
    }
  };
};

/** Ends a delivery whose time is over. */
export const createGiveUpDelivery =
  ({
    database,
    webhooks,
  }: Pick<DeliveryDeps, 'database' | 'webhooks'>): Activities['giveUpDelivery'] =>
  async (input) => {
    const { state, isNews } = await giveUpDelivery(database.db, input);
    if (isNews) webhooks.meter.delivery('failed');
    return state;
  };

/**
 * Reserves a slot of the webhook and one of the workspace.
 *
 * @returns the function that releases both; undefined if one of them is not free
 */
const createBothTurns = () => {
  const ofWebhook = createTurns(MAX_OF_WEBHOOK);
  const ofWorkspace = createTurns(MAX_OF_WORKSPACE);
  return ({ webhook_id: webhookId, workspace_id: workspaceId }: DeliveryRow) => {
    const first = ofWebhook(webhookId);
    if (first === undefined) return undefined;
    const second = ofWorkspace(workspaceId);
    if (second === undefined) {
      first();
      return undefined;
    }
    return () => {
      first();
      second();
    };
  };
};

const send = async (
  { database, config, webhooks }: DeliveryDeps,
  delivery: DeliveryRow,
  signal: AbortSignal,
): Promise<Posted> => {
  const { id, webhook_id: webhookId, url } = delivery;
  const body = payloadOf(delivery, config.publicUrl);
  const timestamp = Math.floor(Date.now() / 1_000);
  const secrets = await listSecrets(database.db, webhookId);
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Keepsake',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signaturesOf(secrets, { id, timestamp, body }),
  };
  return webhooks.post({ url, headers, body }, signal);
};

/**
 * Stores the result of an attempt. @throws ApplicationFailure when the delivery is to be retried
 */
const record = async (
  db: Db,
  input: DeliveryInput,
  { delivery, attempts }: { delivery: DeliveryRow; attempts: number },
  posted: Posted,
): Promise<DeliveryState> => {
  const of = { ...input, webhookId: delivery.webhook_id };
  if (posted.error === null) {
    await recordDelivered(db, of, posted);
    return 'delivered';
  }
  if (posted.error === 'gone') {
    await recordGone(db, of, posted);
    return 'failed';
  }
  if (delivery.event_type === TEST_EVENT) {
    await recordFailed(db, of, posted);
    return 'failed';
  }
  const nextMs = delayAfter(attempts, posted.retryAfterMs);
  await recordMissed(db, of, posted, nextMs);
  throw missed(delivery, posted, nextMs);
};

/** The message contains neither the URL nor the answer, because it is stored in a history. */
const missed = ({ id }: DeliveryRow, { error, status }: Posted, nextMs: number) =>
  ApplicationFailure.create({
    type: 'notDelivered',
    message: `Delivery ${id} was not accepted (${status === null ? error : `status ${status}`}). It will be sent again.`,
    nextRetryDelay: nextMs,
  });

/** How long to postpone after so many activity attempts, in milliseconds. */
const standBackAfter = (looks: number): number => {
  const { firstMs, mostMs } = STAND_BACK;
  return Math.round(Math.min(firstMs * 2 ** Math.min(looks - 1, 20), mostMs) * (1 + Math.random()));
};

/** Does not count as an attempt: no request was sent. */
const standBack = ({ id }: DeliveryRow, nextMs: number) =>
  ApplicationFailure.create({
    type: 'webhookBusy',
    message: `Delivery ${id} waits for other deliveries of its webhook or workspace.`,
    nextRetryDelay: nextMs,
  });
