import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createActivities } from '../../activities/activities.ts';
import { startDeliveryWorkflow } from '../../temporal/start-delivery.ts';
import { addSearchAttributes } from '../../worker/registration.ts';
import { deliveryQueueOf, deliveryWorkflowIdOf } from '../../workflows/contracts/deliveries.ts';
import { fakeDecideDeps } from '../support/steps/activity-deps.ts';
import { useDatabase } from '../support/database/database.ts';
import {
  countOwnEvents,
  DELIVERY_HISTORIES,
  keepHistory,
  readHistories,
  readHistory,
} from '../support/steps/histories.ts';
import { startTimeSkipping } from '../support/stack/temporal-environment.ts';
import { type Answering, startReceiver, type Receiver } from '../support/http/webhook-receiver.ts';
import { createWebhookSteps, isSignedBy, type WebhookSteps } from '../support/steps/webhooks.ts';
import { WORKFLOW_BUNDLE } from '../support/stack/builds.ts';
import { installQuietRuntime } from '../support/stack/quiet-runtime.ts';

/** Deliveries over several days to a real receiver, on a Temporal server whose clock runs ahead. */

const database = useDatabase();
const QUEUE = 'hooks';
const HOUR_MS = 3_600_000;
const workflowBundle = { codePath: WORKFLOW_BUNDLE };

let env: TestWorkflowEnvironment;
let steps: WebhookSteps;
let receiver: Receiver;
let answer: Answering = () => 204;
let stop: () => Promise<void>;

beforeAll(async () => {
  installQuietRuntime();
  env = await startTimeSkipping();
  await addSearchAttributes(env.client, 'default');
  steps = await createWebhookSteps(database(), 'hooked');
  receiver = await startReceiver((request, response) => answer(request, response));
  const activities = createActivities({
    ...fakeDecideDeps(database().worker),
    config: { publicUrl: 'https://keepsake.example' } as never,
    mailer: {} as never,
    temporal: env.client,
    taskQueue: QUEUE,
  });
  const { attemptDelivery, giveUpDelivery } = activities;
  const connection = env.nativeConnection;
  const workers = [
    await Worker.create({
      connection,
      taskQueue: QUEUE,
      workflowBundle,
      activities: { giveUpDelivery },
    }),
    await Worker.create({
      connection,
      taskQueue: deliveryQueueOf(QUEUE),
      activities: { attemptDelivery },
    }),
  ];
  const running = workers.map((worker) => worker.run());
  stop = async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await env.teardown();
    await receiver.stop();
  };
});

afterAll(() => stop());

beforeEach(async () => {
  answer = () => 204;
  receiver.received.length = 0;
  await steps.query('DELETE FROM webhooks', []);
});

const deliver = async (deliveryId: string, round = 1) => {
  const delivery = { deliveryId, round, workspaceId: 'hooked' };
  await startDeliveryWorkflow(env.client, QUEUE, delivery);
  return env.client.workflow.getHandle(deliveryWorkflowIdOf(delivery));
};

const queue = async () => {
  const webhook = await steps.addWebhook(receiver.url());
  const { deliveryIds } = await steps.endJob();
  return { webhook, deliveryId: deliveryIds[0]! };
};

test('after two answers of 500, the third attempt is delivered; all have the same id and body, and are signed', async () => {
  const { webhook, deliveryId } = await queue();
  answer = () => (receiver.received.length < 3 ? 500 : 204);
  const handle = await deliver(deliveryId);
  expect(await handle.result()).toBe('delivered');
  expect(receiver.received).toHaveLength(3);
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id']))).toEqual(
    new Set([deliveryId]),
  );
  expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
  for (const request of receiver.received) expect(isSignedBy(webhook.secret, request)).toBe(true);
  expect(await steps.delivery(deliveryId)).toMatchObject({ state: 'delivered', attempts: 3 });
  await keepHistory('delivered', handle, DELIVERY_HISTORIES);
});

test('the history of a delivery has the id and the round, and neither URL, secret, answer nor counts', async () => {
  const { webhook, deliveryId } = await queue();
  answer = (_request, response) => {
    response.writeHead(receiver.received.length < 2 ? 418 : 200).end('canary');
    return undefined;
  };
  const handle = await deliver(deliveryId);
  await handle.result();
  const decoded = await readHistory(handle);
  expect(decoded).toContain(deliveryId);
  for (const word of ['canary', '127.0.0.1', 'whsec', webhook.secret.slice(6), 'exported']) {
    expect({ word, isThere: decoded.includes(word) }).toEqual({ word, isThere: false });
  }
});

test('if a receiver fails for three days, the delivery fails and the webhook is switched off', async () => {
  const { webhook, deliveryId } = await queue();
  answer = () => {
    // The clock of the database does not run ahead, so the failing time is set by hand.
    void steps.query(`UPDATE webhooks SET failing_since = now() - interval '49 hours'`, []);
    return 503;
  };
  const handle = await deliver(deliveryId);
  expect(await handle.result()).toBe('failed');
  const { startTime, closeTime } = await handle.describe();
  const hours = ((closeTime?.getTime() ?? 0) - startTime.getTime()) / HOUR_MS;
  expect(hours).toBeGreaterThan(68);
  expect(hours).toBeLessThan(73);
  const { length } = receiver.received;
  expect(length).toBeGreaterThan(70);
  expect(length).toBeLessThan(100);
  expect(await steps.delivery(deliveryId)).toMatchObject({ state: 'failed', attempts: length });
  expect(await steps.webhook(webhook.id)).toMatchObject({ disabled_reason: 'failing' });
  expect(await countOwnEvents(handle)).toBeLessThan(11);
  await keepHistory('given-up', handle, DELIVERY_HISTORIES);
});

test('a receiver that asks for two hours gets no request for two hours', async () => {
  const { deliveryId } = await queue();
  answer = () => (receiver.received.length === 1 ? [429, { 'retry-after': '7200' }] : 204);
  const handle = await deliver(deliveryId);
  expect(await handle.result()).toBe('delivered');
  const { startTime, closeTime } = await handle.describe();
  const hours = ((closeTime?.getTime() ?? 0) - startTime.getTime()) / HOUR_MS;
  expect(hours).toBeGreaterThanOrEqual(2);
  expect(hours).toBeLessThan(2.1);
});

test('a 410 ends the delivery at the first attempt', async () => {
  const { webhook, deliveryId } = await queue();
  answer = () => 410;
  expect(await (await deliver(deliveryId)).result()).toBe('failed');
  expect(receiver.received).toHaveLength(1);
  expect(await steps.webhook(webhook.id)).toMatchObject({ disabled_reason: 'gone' });
});

test('a cancel by an operator ends the delivery', async () => {
  const { deliveryId } = await queue();
  answer = () => 500;
  const handle = await deliver(deliveryId);
  await expect.poll(() => receiver.received.length).toBeGreaterThan(0);
  await handle.cancel();
  expect(await handle.result()).toBe('failed');
  expect(await steps.delivery(deliveryId)).toMatchObject({ state: 'failed' });
});

test('a delivery that is started twice is sent once, and a further round has the same id', async () => {
  const { deliveryId } = await queue();
  const handle = await deliver(deliveryId);
  await deliver(deliveryId);
  await handle.result();
  await deliver(deliveryId);
  expect(receiver.received).toHaveLength(1);
  await steps.query(
    `UPDATE webhook_deliveries SET state = 'pending', round = 2, finished_at = NULL, next_attempt_at = now()
      WHERE id = $1`,
    [deliveryId],
  );
  expect(await (await deliver(deliveryId, 2)).result()).toBe('delivered');
  expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([
    deliveryId,
    deliveryId,
  ]);
});

test('deliveries that are in progress when this version starts continue', async () => {
  const histories = readHistories(DELIVERY_HISTORIES);
  expect(histories.map(({ path }) => path)).toEqual(['delivered', 'given-up']);
  for (const { history } of histories) {
    await expect(Worker.runReplayHistory({ workflowBundle }, history)).resolves.toBeUndefined();
  }
});
