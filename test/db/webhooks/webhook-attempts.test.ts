import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createActivities } from '../../../activities/activities.ts';
import { delayAfter } from '../../../activities/webhooks/attempt-delivery.ts';
import { eraseOldCalls, eraseOldDeliveries } from '../../../db/webhooks/webhook-deliveries.ts';
import { createPost } from '../../../webhooks/post.ts';
import type { Activities } from '../../../workflows/contracts/activities.ts';
import { fakeDecideDeps } from '../../support/steps/activity-deps.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  type Answering,
  startReceiver,
  type Receiver,
} from '../../support/http/webhook-receiver.ts';
import { createWebhookSteps, isSignedBy, takeStep } from '../../support/steps/webhooks.ts';
import { installQuietRuntime } from '../../support/stack/quiet-runtime.ts';
import { waitFor } from '../../support/wait.ts';

/** The effects and records of one attempt, with a real receiver, under the worker's role. */

const database = useDatabase();
const told: string[] = [];
let steps: Awaited<ReturnType<typeof createWebhookSteps>>;
let receiver: Receiver;
let answer: Answering = () => 204;

const noteAs = (kind: string) => (outcome: string) => void told.push(`${kind} ${outcome}`);

const activitiesWith = (allowPrivate: boolean): Activities =>
  createActivities({
    ...fakeDecideDeps(database().worker),
    config: { publicUrl: 'https://keepsake.example' } as never,
    mailer: {} as never,
    temporal: {} as never,
    taskQueue: 'none',
    webhooks: {
      post: createPost({ allowPrivate }),
      meter: { attempt: noteAs('attempt'), delivery: noteAs('delivery') },
    },
  });

const attempt = (deliveryId: string, round = 1, allowPrivate = true) =>
  takeStep(activitiesWith(allowPrivate).attemptDelivery, { deliveryId, round });
const giveUp = (deliveryId: string, round = 1) =>
  takeStep(activitiesWith(true).giveUpDelivery, { deliveryId, round });

beforeAll(async () => {
  installQuietRuntime();
  steps = await createWebhookSteps(database(), 'hooked');
});

beforeEach(async () => {
  answer = () => 204;
  told.length = 0;
  await steps.query('DELETE FROM webhooks', []);
  receiver = await startReceiver((request, response) => answer(request, response));
});

afterEach(() => receiver.stop());

const queue = async () => {
  const webhook = await steps.addWebhook(receiver.url());
  const { jobId, deliveryIds } = await steps.endJob();
  return { webhook, jobId, deliveryId: deliveryIds[0]! };
};

test('a delivery has type, job, state, counts and a link to the job, signed, under its own id', async () => {
  const { webhook, jobId, deliveryId } = await queue();
  expect(await attempt(deliveryId)).toBe('delivered');
  const [request] = receiver.received;
  const at = Number(request?.headers['webhook-timestamp']) * 1_000;
  expect(Math.abs(at - Date.now())).toBeLessThan(5_000);
  expect(request?.headers).toMatchObject({
    'webhook-id': deliveryId,
    'content-type': 'application/json',
    'user-agent': 'Keepsake',
  });
  expect(isSignedBy(webhook.secret, request!)).toBe(true);
  expect(JSON.parse(request!.body)).toEqual({
    type: 'job.succeeded',
    timestamp: expect.stringMatching(/^20\d\d-.*Z$/) as string,
    data: {
      workspaceId: 'hooked',
      jobId,
      jobType: 'export',
      state: 'succeeded',
      counts: { selected: 3, exported: 3, notFound: 0 },
      links: { job: `https://keepsake.example/v1/jobs/${jobId}` },
    },
  });
  expect(await steps.delivery(deliveryId)).toMatchObject({
    state: 'delivered',
    attempts: 1,
    last_status: 204,
    last_error: null,
    next_attempt_at: null,
  });
  expect(told).toEqual(['attempt delivered', 'delivery delivered']);
});

test('a delivery that was accepted is not sent again', async () => {
  const { deliveryId } = await queue();
  await attempt(deliveryId);
  expect(await attempt(deliveryId)).toBe('delivered');
  expect(await giveUp(deliveryId)).toBe('delivered');
  expect(receiver.received).toHaveLength(1);
});

test('a failed attempt is repeated with the same id and body, and its error has neither URL nor answer', async () => {
  const { webhook, deliveryId } = await queue();
  answer = (_request, response) => {
    response.writeHead(500).end('canary of the receiver');
    return undefined;
  };
  const failure = (await attempt(deliveryId).catch((error: unknown) => error)) as Error;
  expect(failure).toMatchObject({ type: 'notDelivered', nonRetryable: false });
  expect(failure.message).toContain('status 500');
  const all = JSON.stringify([failure, failure.message, await steps.delivery(deliveryId)]);
  expect(all).not.toMatch(/canary|127\.0\.0\.1|whsec/);
  const row = await steps.delivery(deliveryId);
  expect(row).toMatchObject({
    state: 'pending',
    attempts: 1,
    last_status: 500,
    last_error: 'status',
  });
  const pauseMs = row.next_attempt_at!.getTime() - row.last_attempt_at!.getTime();
  expect(pauseMs).toBeGreaterThan(2_000);
  expect(row.next_ms).toBeLessThan(5_000);
  expect((await steps.webhook(webhook.id)).failing_since).not.toBeNull();

  answer = () => 200;
  expect(await attempt(deliveryId)).toBe('delivered');
  const [first, second] = receiver.received;
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(second?.body).toBe(first?.body);
  expect((await steps.webhook(webhook.id)).failing_since).toBeNull();
});

test('the back-off grows to an hour, with jitter, and Retry-After lengthens it up to a limit', () => {
  const means = [5, 15, 45, 135, 405, 1_215, 3_600, 3_600, 3_600];
  for (const [index, seconds] of means.entries()) {
    const delay = delayAfter(index + 1, null);
    expect(delay).toBeLessThanOrEqual(seconds * 1_000);
    expect(delay).toBeGreaterThanOrEqual(seconds * 800);
  }
  expect(delayAfter(1_000, null)).toBeLessThanOrEqual(3_600_000);
  expect(delayAfter(1, 60_000)).toBe(60_000);
  expect(delayAfter(9, 1_000)).toBeGreaterThan(2_000_000);
  expect(delayAfter(1, 365 * 86_400_000)).toBe(6 * 3_600_000);
});

test('Retry-After of a 429 is obeyed', async () => {
  const { deliveryId } = await queue();
  answer = () => [429, { 'retry-after': '120' }];
  await expect(attempt(deliveryId)).rejects.toMatchObject({ nextRetryDelay: 120_000 });
  const { next_ms: nextMs } = await steps.delivery(deliveryId);
  expect(nextMs).toBeGreaterThan(110_000);
});

test('a 410 ends the delivery and switches the webhook off, and the activity log says so', async () => {
  const { webhook, deliveryId } = await queue();
  const later = (await steps.endJob()).deliveryIds[0]!;
  answer = () => 410;
  expect(await attempt(deliveryId)).toBe('failed');
  expect(await steps.delivery(deliveryId)).toMatchObject({ state: 'failed', last_error: 'gone' });
  expect(await steps.webhook(webhook.id)).toMatchObject({ disabled_reason: 'gone' });
  expect((await steps.activity(webhook.id)).at(-1)).toMatchObject({
    kind: 'webhookSwitchedOff',
    actor_key_id: null,
    details: { disabledReason: 'gone', enabled: false },
  });
  expect((await steps.endJob()).deliveryIds).toEqual([]);
  expect(await attempt(later)).toBe('failed');
  expect(await steps.delivery(later)).toMatchObject({ last_error: 'switchedOff', attempts: 0 });
  expect(receiver.received).toHaveLength(1);
});

test('a delivery of a removed webhook fails without a request', async () => {
  const { webhook, deliveryId } = await queue();
  await steps.query('DELETE FROM webhooks WHERE id = $1', [webhook.id]);
  expect(await attempt(deliveryId)).toBe('failed');
  expect(await giveUp(deliveryId)).toBe('failed');
  expect(receiver.received).toEqual([]);
});

test('a workflow of an earlier round sends nothing', async () => {
  const { deliveryId } = await queue();
  await steps.query('UPDATE webhook_deliveries SET round = 2 WHERE id = $1', [deliveryId]);
  expect(await attempt(deliveryId, 1)).toBe('failed');
  expect(await giveUp(deliveryId, 1)).toBe('failed');
  expect(await steps.delivery(deliveryId)).toMatchObject({ state: 'pending', attempts: 0 });
  expect(await attempt(deliveryId, 2)).toBe('delivered');
});

test('during a rotation both secrets sign, and a secret that has ended does not', async () => {
  const { webhook, deliveryId } = await queue();
  const ended = await steps.addSecret(webhook.id, new Date(Date.now() - 1_000));
  const old = await steps.addSecret(webhook.id, new Date(Date.now() + 60_000));
  await attempt(deliveryId);
  const [request] = receiver.received;
  const signers = [webhook.secret, old, ended].map((secret) => isSignedBy(secret, request!));
  expect(signers).toEqual([true, true, false]);
  expect(String(request?.headers['webhook-signature']).split(' ')).toHaveLength(2);
});

test('without the setting, a private address is refused, and is tried again like any failure', async () => {
  const { deliveryId } = await queue();
  await expect(attempt(deliveryId, 1, false)).rejects.toMatchObject({ type: 'notDelivered' });
  expect(await steps.delivery(deliveryId)).toMatchObject({
    state: 'pending',
    last_status: null,
    last_error: 'blockedAddress',
  });
  expect(receiver.received).toEqual([]);
  expect(told).toEqual(['attempt blockedAddress']);
});

test('an abandoned delivery fails, its job does not, and its webhook stays on after 47 hours of failures', async () => {
  const { webhook, jobId, deliveryId } = await queue();
  answer = () => 500;
  await attempt(deliveryId).catch(() => {});
  await steps.query(`UPDATE webhooks SET failing_since = now() - interval '47 hours'`, []);
  expect(await giveUp(deliveryId)).toBe('failed');
  expect(await giveUp(deliveryId)).toBe('failed');
  expect(await steps.delivery(deliveryId)).toMatchObject({ state: 'failed', last_status: 500 });
  expect(await steps.query('SELECT state FROM jobs WHERE id = $1', [jobId])).toEqual([
    { state: 'succeeded' },
  ]);
  expect(await steps.webhook(webhook.id)).toMatchObject({ disabled_reason: null });
  expect(told).toEqual(['attempt status', 'delivery failed']);
});

test('a webhook that has failed for two days is switched off when a delivery is abandoned', async () => {
  const { webhook, deliveryId } = await queue();
  await steps.query(`UPDATE webhooks SET failing_since = now() - interval '49 hours'`, []);
  await giveUp(deliveryId);
  expect(await steps.delivery(deliveryId)).toMatchObject({ last_error: 'notTried' });
  expect(await steps.webhook(webhook.id)).toMatchObject({ disabled_reason: 'failing' });
  expect((await steps.activity(webhook.id)).map(({ kind }) => kind)).toEqual([
    'webhookCreated',
    'webhookSwitchedOff',
  ]);
});

test('a test is tried once, and its failure does not count against the webhook', async () => {
  const { webhook } = await queue();
  const deliveryId = uuidv7();
  await database().api.pool.query(
    'INSERT INTO webhook_deliveries (id, webhook_id) VALUES ($1, $2)',
    [deliveryId, webhook.id],
  );
  answer = () => 500;
  expect(await attempt(deliveryId)).toBe('failed');
  expect(await steps.delivery(deliveryId)).toMatchObject({ state: 'failed', last_status: 500 });
  expect((await steps.webhook(webhook.id)).failing_since).toBeNull();
  expect(JSON.parse(receiver.received[0]!.body)).toMatchObject({
    type: 'webhook.test',
    data: { workspaceId: 'hooked', webhookId: webhook.id },
  });
});

test('finished deliveries are erased after a month, and pending deliveries are not', async () => {
  const { webhook, deliveryId: old } = await queue();
  const { db } = database().worker;
  await attempt(old);
  const recent = (await steps.endJob()).deliveryIds[0]!;
  await attempt(recent);
  const waiting = (await steps.endJob()).deliveryIds[0]!;
  await steps.query(
    `UPDATE webhook_deliveries SET created_at = now() - interval '31 days',
       finished_at = CASE WHEN finished_at IS NOT NULL THEN now() - interval '31 days' END
     WHERE id = ANY ($1)`,
    [[old, waiting]],
  );
  await steps.addSecret(webhook.id, new Date(Date.now() - 1_000));
  await steps.query(
    `INSERT INTO webhook_calls (workspace_id, idempotency_key, request_hash, webhook_id, created_at)
     VALUES ('hooked', 'old', '', $1, now() - interval '31 days'), ('hooked', 'new', '', $1, now())`,
    [webhook.id],
  );
  expect(await eraseOldDeliveries(db, 100)).toBe(1);
  await eraseOldCalls(db);
  const left = await steps.query<{ id: string }>('SELECT id FROM webhook_deliveries', []);
  expect(left.map(({ id }) => id).toSorted()).toEqual([recent, waiting].toSorted());
  expect(await steps.query('SELECT idempotency_key FROM webhook_calls', [])).toHaveLength(1);
  expect(
    await steps.query('SELECT FROM webhook_secrets WHERE webhook_id = $1', [webhook.id]),
  ).toHaveLength(1);
});

test('a receiver that does not answer has four requests at a time, and the others use no attempt', async () => {
  const answers: (() => void)[] = [];
  answer = (_request, response) => void answers.push(() => response.writeHead(204).end());
  await steps.addWebhook(receiver.url());
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push((await steps.endJob()).deliveryIds[0]!);
  const { attemptDelivery } = activitiesWith(true);
  const run = (deliveryId: string) => takeStep(attemptDelivery, { deliveryId, round: 1 });
  const underWay = ids.slice(0, 4).map(run);
  await waitFor(() => expect(answers).toHaveLength(4));
  await expect(run(ids[4]!)).rejects.toMatchObject({ type: 'webhookBusy' });
  const waiting = await steps.delivery(ids[4]!);
  expect(waiting).toMatchObject({ state: 'pending', attempts: 0 });
  // Not overdue, so that no sweep takes the delivery for lost.
  expect(waiting.next_ms).toBeGreaterThan(2_000);
  for (const send of answers) send();
  expect(await Promise.all(underWay)).toEqual(ids.slice(0, 4).map(() => 'delivered'));
});

test('the webhooks of one workspace leave capacity for the webhooks of other workspaces', async () => {
  const answers: (() => void)[] = [];
  answer = (_request, response) => void answers.push(() => response.writeHead(204).end());
  for (let n = 0; n < 3; n++) await steps.addWebhook(receiver.url());
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) ids.push(...(await steps.endJob()).deliveryIds);
  const { attemptDelivery } = activitiesWith(true);
  const run = (deliveryId: string, looks: number) =>
    takeStep(attemptDelivery, { deliveryId, round: 1 }, looks);
  const underWay = ids.slice(0, 10).map((id) => run(id, 1));
  await waitFor(() => expect(answers).toHaveLength(10));
  await expect(run(ids[10]!, 1)).rejects.toMatchObject({ type: 'webhookBusy' });
  // The longer a delivery has waited, the less often it checks.
  await expect(run(ids[11]!, 30)).rejects.toMatchObject({ type: 'webhookBusy' });
  expect((await steps.delivery(ids[11]!)).next_ms).toBeGreaterThan(250_000);
  for (const send of answers) send();
  expect(await Promise.all(underWay)).toEqual(ids.slice(0, 10).map(() => 'delivered'));
});
