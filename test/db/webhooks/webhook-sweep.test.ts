import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createStartQueuedJobs } from '../../../activities/jobs/start-queued-jobs.ts';
import {
  startDeliveriesOf,
  sweepDeliveries,
} from '../../../activities/webhooks/start-deliveries.ts';
import { findRun } from '../../../activities/delete-all/sweep-requests.ts';
import { addSearchAttributes } from '../../../worker/registration.ts';
import { deliveryWorkflowIdOf } from '../../../workflows/contracts/deliveries.ts';
import { fakeDecideDeps } from '../../support/steps/activity-deps.ts';
import { useDatabase } from '../../support/database/database.ts';
import { startDevServer, type DevServer } from '../../support/stack/dev-server.ts';
import { createWebhookSteps, type WebhookSteps } from '../../support/steps/webhooks.ts';

/** Deliveries with a real Temporal server but without a worker, so that they keep their state. */

const database = useDatabase();
const QUEUE = 'nobody-works-here';

let server: DevServer;
let steps: WebhookSteps;

beforeAll(async () => {
  server = await startDevServer();
  await addSearchAttributes(server.client, 'default');
  steps = await createWebhookSteps(database(), 'hooked');
});

afterAll(() => server.stop());

beforeEach(() => steps.query('DELETE FROM webhooks', []));

const deps = () => ({
  ...fakeDecideDeps(database().worker),
  mailer: {} as never,
  config: {} as never,
  temporal: server.client,
  taskQueue: QUEUE,
});
const sweep = () => new MockActivityEnvironment().run(createStartQueuedJobs(deps()));
const runOf = (deliveryId: string) =>
  findRun(server.client, deliveryWorkflowIdOf({ deliveryId, round: 1 }));

const queue = async () => {
  await steps.addWebhook('https://hooks.example/');
  const { jobId, deliveryIds } = await steps.endJob();
  return { jobId, deliveryId: deliveryIds[0]! };
};
const makeLate = () =>
  steps.query(`UPDATE webhook_deliveries SET next_attempt_at = now() - interval '1 minute'`, []);

test('the step that ends a job starts its deliveries', async () => {
  const { jobId, deliveryId } = await queue();
  await startDeliveriesOf(deps(), jobId);
  expect(await runOf(deliveryId)).toMatchObject({ isAlive: true });
  await startDeliveriesOf(deps(), jobId);
  expect(await sweep()).toEqual({ started: 0, ended: 0 });
});

test('the sweep starts a delivery that a crash left without a workflow, once it is late', async () => {
  const { deliveryId } = await queue();
  expect(await sweep()).toEqual({ started: 0, ended: 0 });
  expect(await runOf(deliveryId)).toBeUndefined();
  await makeLate();
  expect(await sweep()).toEqual({ started: 1, ended: 0 });
  expect(await runOf(deliveryId)).toMatchObject({ isAlive: true });
  expect(await sweep()).toEqual({ started: 0, ended: 0 });
  expect(await steps.delivery(deliveryId)).toMatchObject({ state: 'pending' });
});

test('a delivery whose workflow was terminated fails, and a delivery that waits does not', async () => {
  const { jobId, deliveryId } = await queue();
  const { jobId: other, deliveryId: waiting } = await queue();
  await startDeliveriesOf(deps(), jobId);
  await startDeliveriesOf(deps(), other);
  await server.client.workflow
    .getHandle(deliveryWorkflowIdOf({ deliveryId, round: 1 }))
    .terminate();
  await makeLate();
  expect(await sweep()).toMatchObject({ ended: 1 });
  expect(await steps.delivery(deliveryId)).toMatchObject({ state: 'failed' });
  expect(await steps.delivery(waiting)).toMatchObject({ state: 'pending' });
});

test('deliveries that wait for their turn do not hide deliveries without a workflow', async () => {
  await steps.addWebhook('https://hooks.example/');
  for (let n = 0; n < 3; n++) await startDeliveriesOf(deps(), (await steps.endJob()).jobId);
  const deliveryId = (await steps.endJob()).deliveryIds[0]!;
  await makeLate();
  const all = { ...deps(), webhooks: {} as never };
  expect(await sweepDeliveries(all, 2, () => {})).toMatchObject({ started: 1 });
  expect(await runOf(deliveryId)).toMatchObject({ isAlive: true });
});
