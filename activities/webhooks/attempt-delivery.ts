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
import type { Activities } from '../../workflows/contract.ts';
import {
  ATTEMPT_TIMEOUT_MS,
  BACK_OFF,
  type DeliveryInput,
  type DeliveryState,
  MAX_RETRY_AFTER_MS,
  TEST_EVENT,
} from '../../workflows/delivery-contract.ts';
import type { ActivityDeps, WebhookDeps } from '../deps.ts';

export interface DeliveryDeps extends Pick<ActivityDeps, 'database'>, WebhookDeps {
  config: Pick<Config, 'publicUrl'>;
}

/** What Temporal says of an attempt. */
export interface AttemptContext {
  signal: AbortSignal;
  /** Which look of the workflow at its delivery it is, from 1. */
  attempt: number;
}

/**
 * Requests to one webhook at a time, in this process: a receiver that says nothing holds up no
 * others.
 */
const MAX_OF_WEBHOOK = 4;
/** Of one workspace: it has several webhooks, and a quarter of the places. */
const MAX_OF_WORKSPACE = 10;
/**
 * Until a delivery that had to stand back is looked at again, in milliseconds: at first, and at
 * most. Up to twice as long; and longer each time, for the more there are that wait, the less each
 * look is worth.
 */
const STAND_BACK = { firstMs: 5_000, mostMs: 300_000 } as const;

/** So much sooner than the back-off says an attempt may come, so that many do not come at once. */
const JITTER = 0.2;

/**
 * How long to wait after so many attempts, unless the receiver asks for longer. In milliseconds.
 */
export const delayAfter = (attempts: number, retryAfterMs: number | null): number => {
  const { firstMs, factor, mostMs } = BACK_OFF;
  const backOff = Math.min(firstMs * factor ** Math.min(attempts - 1, 20), mostMs);
  const own = Math.round(backOff * (1 - JITTER * Math.random()));
  return Math.max(own, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
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

/** Says neither where it was to go nor what was answered: it lands in a history. */
const missed = ({ id }: DeliveryRow, { error, status }: Posted, nextMs: number) =>
  ApplicationFailure.create({
    type: 'notDelivered',
    message: `Delivery ${id} was not accepted (${status === null ? error : `status ${status}`}). It will be sent again.`,
    nextRetryDelay: nextMs,
  });

/** How long to stand back after so many looks of the workflow at its delivery, in milliseconds. */
const standBackAfter = (looks: number): number => {
  const { firstMs, mostMs } = STAND_BACK;
  return Math.round(Math.min(firstMs * 2 ** Math.min(looks - 1, 20), mostMs) * (1 + Math.random()));
};

/** It costs no attempt: nothing was sent. */
const standBack = ({ id }: DeliveryRow, nextMs: number) =>
  ApplicationFailure.create({
    type: 'webhookBusy',
    message: `Delivery ${id} waits for others of its webhook or workspace.`,
    nextRetryDelay: nextMs,
  });

/** Takes a turn of its webhook and one of its workspace, or none. @returns what gives both back */
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

/** Writes down what an attempt came to. @throws ApplicationFailure when it is to be tried again */
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

/**
 * Sends a delivery once, and writes down what came of it. A worker that dies in between sends it
 * again, under the same id. One that has ended, or is gone with its webhook, is not sent.
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
      // The sweep looks for those whom nobody tries again.
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
