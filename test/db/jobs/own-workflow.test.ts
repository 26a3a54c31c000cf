import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Client } from '@temporalio/client';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createActivities } from '../../../activities/activities.ts';
import { createFinishJob } from '../../../activities/jobs/finish-job.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { insertRound } from '../../../db/mails/mail-rounds.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import type { Activities } from '../../../workflows/contracts/activities.ts';
import type { JobType } from '../../../workflows/contracts/jobs.ts';
import { useDatabase } from '../../support/database/database.ts';
import { fakeDecideDeps } from '../../support/steps/activity-deps.ts';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';

/** Each step serves only the workflow of its own job, and only the current run of that workflow. */

const database = useDatabase();
const WORKSPACE = 'owned';

let activities: Activities;
let keyId = '';
let jobId = '';
/** The latest run of the workflow in Temporal, and how long Temporal takes to name it. */
let latestRun = '';
let answerMs = 0;

const describe = async () => {
  await setTimeout(answerMs);
  return { status: { name: 'RUNNING' }, runId: latestRun };
};

beforeAll(async () => {
  const { owner, worker } = database();
  await createWorkspace(owner.db, { id: WORKSPACE, name: 'Owned' });
  const person = { ownerName: 'Ada', ownerEmail: 'ada@keys.example', workspaceId: WORKSPACE };
  keyId = (await createApiKey(owner.db, { role: 'admin', ...person })).id;
  const temporal = { workflow: { getHandle: () => ({ describe }) } } as unknown as Client;
  const deps = { ...fakeDecideDeps(worker), config: {}, mailer: {}, temporal, taskQueue: 'none' };
  activities = createActivities(deps as never);
});

const addJob = async (type: JobType = 'deletion'): Promise<string> => {
  const { db } = database().owner;
  const id = await makeJob(db, { workspaceId: WORKSPACE, keyId, type, total: 3 });
  await db.updateTable('jobs').set({ run_id: 'claimed' }).where('id', '=', id).execute();
  return id;
};

beforeEach(async () => {
  jobId = await addJob();
  latestRun = 'claimed';
  answerMs = 0;
});

const rowOf = (id: string) =>
  database()
    .owner.db.selectFrom('jobs')
    .select(['phase', 'run_id', 'state', 'error_type', 'error_message'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();

/** Runs a step as an activity of a workflow; by default, of the run that has claimed the job. */
const take = (
  name: keyof Activities,
  input: object,
  { workflowId = `delete/${jobId}`, runId = 'claimed', workflowType = 'DeleteUsers' } = {},
) =>
  new MockActivityEnvironment({ workflowType, workflowExecution: { workflowId, runId } }).run(
    activities[name] as (input: object) => Promise<unknown>,
    input,
  );

/** The activity as `take` runs it, and the heartbeats that it sends. */
const beatsOf = async (name: keyof Activities, input: object, runId: string): Promise<number> => {
  const workflowExecution = { workflowId: `delete/${jobId}`, runId };
  const env = new MockActivityEnvironment({ workflowType: 'DeleteUsers', workflowExecution });
  let beats = 0;
  env.on('heartbeat', () => {
    beats += 1;
  });
  await env.run(activities[name] as (input: object) => Promise<unknown>, input);
  return beats;
};

const phase = () => ({ jobId, phase: 'deleting' });

test('a step of the run that claimed the job is executed', async () => {
  await take('enterPhase', phase());
  expect(await rowOf(jobId)).toMatchObject({ phase: 'deleting', run_id: 'claimed' });
});

test('after a reset to a point after its claim, the new run takes over the job', async () => {
  latestRun = 'reset';
  await take('enterPhase', phase(), { runId: 'reset' });
  expect(await rowOf(jobId)).toMatchObject({ phase: 'deleting', run_id: 'reset' });
});

test('the run that claims a job is the one that Temporal names, not the input', async () => {
  await take('claimJob', { jobId, runId: 'forged' }, { runId: 'another' });
  expect(await rowOf(jobId)).toMatchObject({ run_id: 'another' });
});

test('a long step sends heartbeats while its caller is checked', async () => {
  latestRun = 'reset';
  answerMs = 2_500;
  const input = { jobId, end: { kind: 'completed' } };
  expect(await beatsOf('finishJob', input, 'reset')).toBeGreaterThan(0);
});

test.each([
  ['a run that is not the latest', () => ({ runId: 'over' })],
  ['a workflow of another id', () => ({ workflowId: 'delete/another' })],
  ['a workflow of another type under the id', () => ({ workflowType: 'RestoreUsers' })],
  ['a workflow of another kind of job', () => ({ workflowId: `export/${jobId}` })],
])('%s is refused, and changes nothing', async (_, caller) => {
  const before = await rowOf(jobId);
  const end = { kind: 'completed' };
  const steps = [
    ['enterPhase', phase()],
    ['settlePass', { jobId, pass: 1, isLast: true, deleted: 0 }],
    ['finishJob', { jobId, end }],
    ['notifyJob', { jobId, end }],
  ] as const;
  for (const [name, input] of steps) {
    const refused = { type: 'jobNotYours', nonRetryable: true };
    await expect(take(name, input, caller())).rejects.toMatchObject(refused);
  }
  expect(await rowOf(jobId)).toEqual(before);
});

test('a backup of another job is neither verified nor used for a deletion', async () => {
  const other = await addJob();
  const { db } = database().owner;
  const file = {
    jobId: other,
    workspaceId: WORKSPACE,
    purpose: 'backup',
    state: 'written',
  } as const;
  const { id: exportId } = await makeExport({ db }, file);
  await expect(take('verifyExport', { exportId })).rejects.toMatchObject({ type: 'jobNotYours' });
  await expect(take('deleteBackedUpUsers', { jobId, exportId })).rejects.toMatchObject({
    type: 'exportUnknown',
  });
  const row = await db.selectFrom('exports').select('state').where('id', '=', exportId).execute();
  expect(row).toEqual([{ state: 'written' }]);
});

test('an export is not verified once its job has ended: its files may be removed', async () => {
  const { db } = database().owner;
  const file = { jobId, workspaceId: WORKSPACE, purpose: 'backup', state: 'written' } as const;
  const { id: exportId } = await makeExport({ db }, file);
  const ended = { state: 'failed', finished_at: new Date() } as const;
  await db.updateTable('jobs').set(ended).where('id', '=', jobId).execute();
  const refused = { type: 'jobNotRunning', nonRetryable: true };
  await expect(take('verifyExport', { exportId })).rejects.toMatchObject(refused);
  const row = await db.selectFrom('exports').select('state').where('id', '=', exportId).execute();
  expect(row).toEqual([{ state: 'written' }]);
});

const REFUSED = { type: 'mailNotAsked', nonRetryable: true };

test('a job that was started without a wish for a mail is mailed about only if the API asks', async () => {
  const ended = { state: 'succeeded', finished_at: new Date() } as const;
  await database().owner.db.updateTable('jobs').set(ended).where('id', '=', jobId).execute();
  const caller = { workflowType: 'SendMail', workflowId: `mail/${jobId}/finished/1` };
  const again = () => take('notifyJobAgain', { jobId, round: 1 }, caller);
  await expect(again()).rejects.toMatchObject(REFUSED);
  const first = { jobId, end: { kind: 'completed' } };
  await expect(take('notifyJob', first)).rejects.toMatchObject(REFUSED);
  await insertRound(database().api.db, {
    id: randomUUID(),
    subject: { jobId },
    kind: 'finished',
    round: 1,
    askedBy: keyId,
  });
  // The mail is composed and would be sent: these activities have no provider.
  await expect(again()).rejects.not.toMatchObject(REFUSED);
});

test('a mail about a request is not allowed by a round that was asked for of a job', async () => {
  await insertRound(database().api.db, {
    id: randomUUID(),
    subject: { jobId },
    kind: 'finished',
    round: 2,
    askedBy: keyId,
  });
  const input = { requestId: randomUUID(), kind: 'asked', round: 2, jobId };
  const caller = { workflowType: 'SendMail', workflowId: `mail/${jobId}/finished/2` };
  const refused = { type: 'mailNotYours', nonRetryable: true };
  await expect(take('notifyRequest', input, caller)).rejects.toMatchObject(refused);
});

test('a job does not store the text of an unknown failure', async () => {
  const finish = createFinishJob(fakeDecideDeps(database().worker));
  const end = { kind: 'failed', type: 'visit evil.example', message: 'call us' } as const;
  const unknown = await addJob('export');
  await finish({ jobId: unknown, end });
  const { state, error_type: type, error_message: message } = await rowOf(unknown);
  expect({ state, type }).toEqual({ state: 'failed', type: 'brokenOff' });
  expect(message).toMatch(/^A step failed\./);
  const known = await addJob('export');
  await finish({ jobId: known, end: { ...end, type: 'storageFull' } });
  expect(await rowOf(known)).toMatchObject({ error_type: 'storageFull' });
});
