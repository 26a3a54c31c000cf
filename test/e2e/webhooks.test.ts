import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ApiClient } from '../../local/api-client.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { type Answering, startReceiver, type Receiver } from '../support/http/webhook-receiver.ts';
import { holdUp } from '../support/hold-up.ts';
import { readHistory } from '../support/steps/histories.ts';
import { isSignedBy } from '../support/steps/webhooks.ts';
import { sweepNow } from '../support/stack/trigger-schedule.ts';
import { deliveryWorkflowIdOf } from '../../workflows/contracts/deliveries.ts';

const stack = useOwnStack({ env: { WEBHOOK_ALLOW_PRIVATE: 'on' } });

interface Webhook {
  id: string;
  secret: string;
  enabled: boolean;
  disabledReason: string | null;
}
interface Delivery {
  id: string;
  state: string;
  attempts: number;
  lastStatus: number | null;
  nextAttemptAt: string | null;
  jobId: string | null;
}

let receiver: Receiver;
let answer: Answering = () => 204;

beforeAll(async () => {
  receiver = await startReceiver((request, response) => answer(request, response));
});
afterAll(() => receiver.stop());
beforeEach(() => {
  answer = () => 204;
  receiver.received.length = 0;
});

const hooked = async (workspaceId: string) => {
  const admin = await stack().workspace(workspaceId);
  await stack().sql(
    `INSERT INTO users (workspace_id, user_id, email)
     SELECT $1, 'canary-' || n, 'canary-' || n || '@example.com' FROM generate_series(1, 20) n`,
    [workspaceId],
  );
  const url = receiver.url('/canary-path');
  const webhook = await admin.succeed<Webhook>('POST', '/v1/webhooks', { url });
  const deliveries = async () =>
    (await admin.succeed<{ data: Delivery[] }>('GET', `/v1/webhooks/${webhook.id}/deliveries`))
      .data;
  return { admin, webhook, deliveries };
};

const exportAll = async (admin: ApiClient) => {
  const selection = { type: 'all' };
  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/exports', { selection });
  return admin.finish(id);
};

/** An answer whose body and header must be stored nowhere. */
const revealing =
  (status: number): Answering =>
  (_request, response) => {
    response.writeHead(status, { 'x-answer': 'canary-answer' }).end('canary-answer');
    return undefined;
  };

const arrived = async (count: number): Promise<void> => {
  await expect.poll(() => receiver.received.length).toBe(count);
};

/** The first round of each delivery of this file. */
const readDeliveryHistories = async () => {
  const rows = await stack().sql<{ id: string }>(
    'SELECT id FROM webhook_deliveries WHERE attempts > 0',
  );
  return Promise.all(
    rows.map(async ({ id }) => {
      const name = deliveryWorkflowIdOf({ deliveryId: id, round: 1 });
      return { name, text: await readHistory(stack().temporal.workflow.getHandle(name)) };
    }),
  );
};

test('the end of an export is delivered, and a retry after a 500 has the same id and is signed', async () => {
  const { admin, webhook, deliveries } = await hooked('told');
  // The delivery is not at its end before the test has seen its first attempt.
  const { held, release } = holdUp();
  answer = (...asked) => {
    if (receiver.received.length === 1) return revealing(500)(...asked);
    void held.then(() => revealing(200)(...asked));
    return undefined;
  };
  const job = await exportAll(admin);
  await arrived(1);
  await expect
    .poll(async () => (await deliveries())[0])
    .toMatchObject({ state: 'pending', lastStatus: 500 });
  release();
  await arrived(2);
  await expect
    .poll(deliveries)
    .toMatchObject([{ state: 'delivered', attempts: 2, lastStatus: 200, nextAttemptAt: null }]);
  const [first, second] = receiver.received;
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(second?.body).toBe(first?.body);
  for (const request of receiver.received) {
    expect(isSignedBy(webhook.secret, request)).toBe(true);
    expect(request.body).not.toContain('canary-');
  }
  const { data } = JSON.parse(second!.body) as {
    data: { jobId: string; counts: object; links: { job: string } };
  };
  expect(data).toMatchObject({ jobId: job.id, counts: job.counts, links: {} });
  expect(data.links.job).toBe(`${stack().stack.info().api}/v1/jobs/${job.id}`);
});

test('the ends of a deletion and of a job that was cancelled before it began are delivered, too', async () => {
  const { admin } = await hooked('ends');
  const selection = { type: 'ids', ids: ['canary-1', 'canary-2'] };
  const asked = { selection, reason: 'test' };
  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', asked);
  await admin.finish(id);
  await arrived(1);
  const [key] = await stack().sql<{ id: string }>(
    `SELECT id FROM api_keys WHERE workspace_id = 'ends'`,
  );
  const queued = randomUUID();
  await stack().sql(
    `INSERT INTO jobs (id, workspace_id, type, selection, options, actor_key_id)
     VALUES ($1, 'ends', 'export', '{"type": "all"}', '{}', $2)`,
    [queued, key?.id],
  );
  expect((await admin.call('POST', `/v1/jobs/${queued}/cancel`)).status).toBeLessThan(300);
  await stack().sql(
    `UPDATE webhook_deliveries SET next_attempt_at = now() - interval '1 minute' WHERE job_id = $1`,
    [queued],
  );
  await sweepNow(stack().temporal);
  await arrived(2);
  expect(receiver.received.map(({ body }) => JSON.parse(body) as object)).toMatchObject([
    { type: 'job.succeeded', data: { jobId: id, jobType: 'deletion', counts: { deleted: 2 } } },
    { type: 'job.cancelled', data: { jobId: queued, state: 'cancelled' } },
  ]);
});

test('a test is delivered, and a replay after a rotation has the same id and both signatures', async () => {
  const { admin, webhook, deliveries } = await hooked('again');
  const path = `/v1/webhooks/${webhook.id}`;
  const sent = await admin.succeed<Delivery>('POST', `${path}/test`);
  await arrived(1);
  expect(receiver.received[0]?.headers['webhook-id']).toBe(sent.id);
  await exportAll(admin);
  await arrived(2);
  await expect.poll(deliveries).toMatchObject([{ state: 'delivered' }, { state: 'delivered' }]);
  const { secret } = await admin.succeed<Webhook>('POST', `${path}/rotate-secret`);
  const [delivery] = await deliveries();
  await admin.succeed('POST', `${path}/deliveries/${delivery?.id}/replay`);
  await arrived(3);
  const [, before, after] = receiver.received;
  expect(after?.headers['webhook-id']).toBe(before?.headers['webhook-id']);
  expect([webhook.secret, secret].map((one) => isSignedBy(one, after!))).toEqual([true, true]);
  expect([webhook.secret, secret].map((one) => isSignedBy(one, before!))).toEqual([true, false]);
});

test('a 410 switches the webhook off, a redirect is not followed, and the job is not affected', async () => {
  const goal = await startReceiver();
  const { admin, webhook, deliveries } = await hooked('gone');
  answer = () => [307, { location: goal.url() }];
  await admin.succeed('POST', `/v1/webhooks/${webhook.id}/test`);
  await expect.poll(deliveries).toMatchObject([{ state: 'failed', lastStatus: 307 }]);
  expect(goal.received).toEqual([]);
  await goal.stop();
  answer = () => 410;
  const job = await exportAll(admin);
  const look = () => admin.succeed<Webhook>('GET', `/v1/webhooks/${webhook.id}`);
  await expect.poll(look).toMatchObject({ enabled: false, disabledReason: 'gone' });
  expect(job.state).toBe('succeeded');
});

test('no log and no history holds the secret or the URL of a webhook, or an answer of its receiver', async () => {
  const folder = join(stack().dataDir, 'logs');
  const names = await readdir(folder);
  const logs = await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })),
  );
  expect(logs.map(({ text }) => text).join('')).toContain('job ended');
  const histories = await readDeliveryHistories();
  expect(histories.length).toBeGreaterThanOrEqual(4);
  for (const word of ['whsec_', 'canary-path', 'canary-answer']) {
    const holders = [...logs, ...histories].filter(({ text }) => text.includes(word));
    expect({ word, holders: holders.map(({ name }) => name) }).toEqual({ word, holders: [] });
  }
});

test('the worker counts attempts and deliveries', async () => {
  const { metrics } = stack().stack.info() as { metrics?: string };
  const text = await (await fetch(metrics ?? '')).text();
  expect(text).toMatch(/keepsake_webhook_deliveries_total\{outcome="delivered"\} [1-9]/);
  expect(text).toMatch(/keepsake_webhook_attempts_total\{outcome="status"\} [1-9]/);
});
