import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStartQueuedJobs } from '../../../activities/jobs/start-queued-jobs.ts';
import { findRun } from '../../../activities/delete-all/sweep-requests.ts';
import { claimJob } from '../../../db/jobs/job-runs.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import { startJobWorkflow } from '../../../temporal/start-job.ts';
import { startRequestWorkflow } from '../../../temporal/start-request.ts';
import { addSearchAttributes } from '../../../worker/registration.ts';
import { requestWorkflowIdOf } from '../../../workflows/contracts/delete-all.ts';
import { workflowIdOf } from '../../../workflows/contracts/jobs.ts';
import { fakeDecideDeps, TEST_SECRET } from '../../support/steps/activity-deps.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  ASKED_AT,
  createRequestSteps,
  seedPeople,
  type People,
} from '../../support/steps/delete-all.ts';
import { startDevServer, type DevServer } from '../../support/stack/dev-server.ts';
import { startMailRecorder } from '../../support/http/mail-recorder.ts';

/**
 * The sweep with a real Temporal server but without a worker, so that workflows keep their state.
 */

const database = useDatabase();
const QUEUE = 'nobody-works-here';

let server: DevServer;
let mails: Awaited<ReturnType<typeof startMailRecorder>>;
let people: People;

beforeAll(async () => {
  server = await startDevServer('--dynamic-config-value=frontend.WorkflowPauseEnabled=true');
  mails = await startMailRecorder();
  await addSearchAttributes(server.client, 'default');
  people = await seedPeople(database(), 'swept');
});

afterAll(async () => {
  await mails.stop();
  await server.stop();
});

const sweep = () => {
  const config = {
    publicUrl: 'https://keepsake.example',
    linkSecret: TEST_SECRET,
    mailFrom: 'Keepsake <k@keepsake.example>',
    deleteAllSignals: 'code',
  } as const;
  const startQueuedJobs = createStartQueuedJobs({
    ...fakeDecideDeps(database().app),
    config,
    mailer: mails.mailer,
    temporal: server.client,
    taskQueue: QUEUE,
  });
  return new MockActivityEnvironment().run(startQueuedJobs);
};

const asOwner = (statement: string) => database().owner.pool.query(statement);

/** Makes all jobs and requests old enough for the sweep. */
const age = () =>
  asOwner(`UPDATE jobs SET created_at = created_at - interval '1 minute';
    ALTER TABLE delete_all_requests DISABLE TRIGGER guard;
    UPDATE delete_all_requests SET created_at = created_at - interval '1 minute';
    ALTER TABLE delete_all_requests ENABLE ALWAYS TRIGGER guard`);

const addJob = async (isClaimed: boolean) => {
  const { db } = database().app;
  const id = uuidv7();
  await insertJob(db, {
    id,
    workspaceId: 'swept',
    type: 'deletion',
    selection: { type: 'ids', count: 1 },
    options: {},
    actorKeyId: people.ada,
    targetIds: ['u-1'],
  });
  if (isClaimed) await claimJob(db, id, 'run');
  await age();
  return { id, type: 'deletion' as const, workspaceId: 'swept' };
};

const jobOf = async (id: string) => {
  const { rows } = await database().owner.pool.query(
    'SELECT state, error_type FROM jobs WHERE id = $1',
    [id],
  );
  return rows[0];
};

/** Waits for Temporal, which closes a workflow some time after the request to close it. */
const untilState = async (workflowId: string, state: string) => {
  const handle = server.client.workflow.getHandle(workflowId);
  await expect.poll(async () => (await handle.describe()).status.name).toBe(state);
};

const pause = async (workflowId: string) => {
  await server.cli('workflow', 'pause', '--workflow-id', workflowId);
  await untilState(workflowId, 'PAUSED');
};

const terminate = async (workflowId: string) => {
  await server.client.workflow.getHandle(workflowId).terminate();
  await untilState(workflowId, 'TERMINATED');
};

test('the sweep leaves a job alone while its workflow is paused, and ends it after a termination', async () => {
  const job = await addJob(true);
  await startJobWorkflow(server.client, QUEUE, job);
  expect(await sweep()).toEqual({ started: 0, ended: 0 });
  await pause(workflowIdOf(job));
  expect(await sweep()).toEqual({ started: 0, ended: 0 });
  expect(await jobOf(job.id)).toEqual({ state: 'running', error_type: null });
  await server.cli('workflow', 'unpause', '--workflow-id', workflowIdOf(job));
  expect(await sweep()).toEqual({ started: 0, ended: 0 });
  await pause(workflowIdOf(job));
  await terminate(workflowIdOf(job));
  expect(await sweep()).toEqual({ started: 0, ended: 1 });
  expect(await jobOf(job.id)).toEqual({ state: 'failed', error_type: 'workflowTerminated' });
});

test('the sweep ends a running job whose workflow has timed out, or is unknown to Temporal', async () => {
  const late = await addJob(true);
  await server.client.workflow.start('DeleteUsers', {
    workflowId: workflowIdOf(late),
    taskQueue: QUEUE,
    workflowExecutionTimeout: '1 second',
  });
  await untilState(workflowIdOf(late), 'TIMED_OUT');
  const unknown = await addJob(true);
  expect(await sweep()).toEqual({ started: 0, ended: 2 });
  for (const { id } of [late, unknown]) {
    expect(await jobOf(id)).toEqual({ state: 'failed', error_type: 'workflowTerminated' });
  }
});

test('the sweep starts a queued job that Temporal does not know', async () => {
  const job = await addJob(false);
  expect(await sweep()).toEqual({ started: 1, ended: 0 });
  await untilState(workflowIdOf(job), 'RUNNING');
  await asOwner("UPDATE jobs SET state = 'failed', finished_at = now()");
});

test('an open window stays open while its workflow is paused, and closes after a termination', async () => {
  const steps = createRequestSteps(database());
  const id = await steps.ask(people);
  const workflowId = requestWorkflowIdOf(id);
  await startRequestWorkflow(server.client, QUEUE, { id, workspaceId: 'swept' });
  await steps.decide(id, 'approve', ASKED_AT + 1_000, { by: people.pia });
  expect((await steps.request(id)).state).toBe('open');
  await age();
  await pause(workflowId);
  expect(await sweep()).toEqual({ started: 0, ended: 0 });
  expect((await steps.request(id)).state).toBe('open');
  await terminate(workflowId);
  expect(await sweep()).toEqual({ started: 0, ended: 1 });
  expect((await steps.request(id)).state).toBe('cancelled');
});

test('the sweep closes an open window whose workflow Temporal has lost, and sends a mail about it', async () => {
  const steps = createRequestSteps(database());
  const id = await steps.ask(people);
  await steps.decide(id, 'approve', ASKED_AT + 1_000, { by: people.pia });
  await age();
  expect(await sweep()).toEqual({ started: 0, ended: 1 });
  expect((await steps.request(id)).state).toBe('cancelled');
  expect(await steps.isMailed(id, 'ended')).toBe(true);
  expect(await sweep()).toEqual({ started: 0, ended: 0 });
});

test.each([
  ['RUNNING', true],
  ['PAUSED', true],
  ['CONTINUED_AS_NEW', true],
  // The SDK's names for an unknown state.
  ['UNKNOWN', true],
  ['UNSPECIFIED', true],
  ['COMPLETED', false],
  ['FAILED', false],
  ['CANCELLED', false],
  ['TERMINATED', false],
  ['TIMED_OUT', false],
])('a workflow in the state %s counts as alive: %s', async (name, isAlive) => {
  const describe = async () => ({ status: { name }, runId: 'run' });
  const client = { workflow: { getHandle: () => ({ describe }) } } as unknown as Client;
  expect(await findRun(client, 'id')).toEqual({ runId: 'run', isAlive });
});
