import { randomUUID } from 'node:crypto';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { Resend } from 'resend';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createActivities } from '../../activities/activities.ts';
import { createApiKey } from '../../db/api-keys.ts';
import { insertRound, listJobMails, type MailSubject } from '../../db/mails/mail-rounds.ts';
import { createWorkspace } from '../../db/workspaces.ts';
import { startMailWorkflow } from '../../temporal/start-mail.ts';
import { addSearchAttributes } from '../../worker/registration.ts';
import { JOB_MAIL, type MailInput, mailWorkflowIdOf } from '../../workflows/contracts/mails.ts';
import { fakeDecideDeps, TEST_SECRET } from '../support/steps/activity-deps.ts';
import { useDatabase } from '../support/database/database.ts';
import { createRequestSteps, seedPeople } from '../support/steps/delete-all.ts';
import { makeExport, makeJob } from '../support/steps/export-rows.ts';
import { accepted, json, startMailProvider } from '../support/http/mail-provider.ts';
import { startTimeSkipping } from '../support/stack/temporal-environment.ts';
import { WORKFLOW_BUNDLE } from '../support/stack/builds.ts';
import { installQuietRuntime } from '../support/stack/quiet-runtime.ts';

/** Mails that a stand-in provider sends again, on a Temporal server whose clock runs ahead. */

const database = useDatabase();
const QUEUE = 'mails';

let env: TestWorkflowEnvironment;
let provider: Awaited<ReturnType<typeof startMailProvider>>;
let stop: () => Promise<void>;
let keyId = '';

const answer = (status: number, name: string) =>
  json(status, { statusCode: status, name, message: 'no' });

beforeAll(async () => {
  installQuietRuntime();
  env = await startTimeSkipping();
  await addSearchAttributes(env.client, 'default');
  const { owner, worker: asWorker } = database();
  await createWorkspace(owner.db, { id: 'mailed', name: 'Mailed' });
  const person = { ownerName: 'Ada', ownerEmail: 'ada@keys.example', workspaceId: 'mailed' };
  keyId = (await createApiKey(owner.db, { role: 'admin', ...person })).id;
  provider = await startMailProvider(accepted);
  const deps = fakeDecideDeps(asWorker);
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue: QUEUE,
    workflowBundle: { codePath: WORKFLOW_BUNDLE },
    activities: createActivities({
      ...deps,
      config: {
        ...deps.config,
        publicUrl: 'https://keepsake.example',
        linkSecret: TEST_SECRET,
        mailFrom: 'Keepsake <k@keepsake.example>',
      },
      mailer: new Resend('re_test', { baseUrl: provider.url }),
      temporal: env.client,
      taskQueue: QUEUE,
    }),
  });
  const running = worker.run();
  stop = async () => {
    worker.shutdown();
    await running;
    await env.teardown();
    await provider.stop();
  };
});

afterAll(() => stop());

beforeEach(() => {
  provider.plan(accepted);
  provider.seen.length = 0;
});

const send = async (input: MailInput) => {
  await startMailWorkflow(env.client, QUEUE, { input, workspaceId: 'mailed' });
  return env.client.workflow.getHandle(mailWorkflowIdOf(input));
};

/** Records the round, as the API does before it starts the workflow. */
const askAgain = async (subject: MailSubject, kind: string) => {
  const wanted = { id: randomUUID(), subject, kind, round: 2, askedBy: keyId };
  await insertRound(database().api.db, wanted);
};

const addJob = async () => {
  const { db, pool } = database().owner;
  const jobId = await makeJob(db, { workspaceId: 'mailed', keyId });
  await makeExport({ db }, { jobId, workspaceId: 'mailed' });
  await pool.query(`UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1`, [
    jobId,
  ]);
  await askAgain({ jobId }, JOB_MAIL);
  return jobId;
};

const mailsOf = async (jobId: string) =>
  (await listJobMails(database().api.db, [jobId])).get(jobId);

test('a mail is tried under one key until the provider accepts it, and its history has no address', async () => {
  const jobId = await addJob();
  provider.plan(answer(500, 'internal_server_error'), answer(503, 'application_error'), accepted);
  const handle = await send({ jobId, round: 2 });
  await handle.result();
  expect(provider.seen).toHaveLength(3);
  expect(new Set(provider.seen.map(({ key }) => key))).toEqual(new Set([`${jobId}/finished/2`]));
  expect(await mailsOf(jobId)).toMatchObject([{ round: 2, state: 'accepted', attempts: 3 }]);
  const history = JSON.stringify(await handle.fetchHistory());
  expect(history).not.toContain('@keys.example');
});

test('a mail that is started twice, or again after its end, is sent once', async () => {
  const jobId = await addJob();
  const input = { jobId, round: 2 };
  await Promise.all([send(input), send(input)]);
  await (await send(input)).result();
  await (await send(input)).result();
  expect(provider.seen).toHaveLength(1);
});

test('a refused mail ends the workflow, and the same round can be started again later', async () => {
  const jobId = await addJob();
  const input = { jobId, round: 2 };
  provider.plan(answer(403, 'invalid_api_key'));
  await expect((await send(input)).result()).rejects.toThrow('Workflow execution failed');
  expect(provider.seen).toHaveLength(1);
  expect(await mailsOf(jobId)).toMatchObject([{ state: 'refused' }]);
  provider.plan(accepted);
  await (await send(input)).result();
  expect(await mailsOf(jobId)).toMatchObject([{ state: 'accepted' }]);
});

test('a mail that is never accepted is tried for less than a day, and is then abandoned', async () => {
  const jobId = await addJob();
  provider.plan(answer(500, 'internal_server_error'));
  const handle = await send({ jobId, round: 2 });
  await expect(handle.result()).rejects.toThrow('Workflow execution failed');
  const { startTime, closeTime } = await handle.describe();
  const hours = ((closeTime?.getTime() ?? 0) - startTime.getTime()) / 3_600_000;
  expect(hours).toBeGreaterThan(22);
  expect(hours).toBeLessThan(24);
});

test('mails about a request are sent again to all its recipients', async () => {
  const people = await seedPeople(database(), 'asked');
  const requestId = await createRequestSteps(database()).insert(people);
  await askAgain({ requestId }, 'asked');
  await (await send({ requestId, kind: 'asked', round: 2 })).result();
  const to = provider.seen.map(({ body }) => (JSON.parse(body) as { to: string }).to);
  expect(to.toSorted()).toEqual(
    ['ada', 'bob', 'paul', 'pia'].map((name) => `${name}@asked.example`),
  );
});
