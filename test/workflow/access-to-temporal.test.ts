import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { insertRound } from '../../db/mails/mail-rounds.ts';
import { type RequestNotice, requestWorkflowIdOf } from '../../workflows/contracts/delete-all.ts';
import { workflowIdOf } from '../../workflows/contracts/jobs.ts';
import { mailWorkflowIdOf } from '../../workflows/contracts/mails.ts';
import { runTemporal } from '../support/stack/dev-server.ts';
import { makeExport, makeJob } from '../support/steps/export-rows.ts';
import { useShortHistories } from '../support/stack/time-skipping.ts';
import { waitUntil, waitFor } from '../support/wait.ts';

/** A person with access to Temporal may start any workflow, and any activity without a workflow. */

const { ask, provider, env, database } = useShortHistories();

type Request = Awaited<ReturnType<typeof ask>>;

const QUEUE = 'test';

/** Starts an activity without a workflow. @throws Error with the CLI's report of its failure */
const execute = (type: string, input: object): Promise<void> =>
  runTemporal(env().address, [
    'activity',
    'execute',
    `--activity-id=${randomUUID()}`,
    `--type=${type}`,
    `--task-queue=${QUEUE}`,
    '--start-to-close-timeout=20s',
    `--input=${JSON.stringify(input)}`,
  ]);

/**
 * Starts a workflow by hand. @returns the type of the failure that ends the workflow; undefined if
 * the workflow completes
 */
const start = async (type: string, workflowId: string, input: object) => {
  const options = { taskQueue: QUEUE, workflowId, args: [input] };
  const handle = await env().client.workflow.start(type, options);
  const failureOf = (error: unknown): string => {
    const { cause, type: own } = error as { cause?: unknown; type?: string };
    return own ?? failureOf(cause);
  };
  return handle.result().then(() => undefined, failureOf);
};

/** Completes an activity by hand, as soon as the workflow waits for it. */
const complete = async (workflowId: string, type: string, result: object | null) => {
  const handle = env().client.workflow.getHandle(workflowId);
  const find = async () => {
    // The workflow may not have started yet.
    const described = await handle.describe().catch(() => undefined);
    return described?.raw.pendingActivities?.find(
      ({ activityType }) => activityType?.name === type,
    );
  };
  const { activityId } = await waitUntil(find);
  await runTemporal(env().address, [
    'activity',
    'complete',
    `--workflow-id=${workflowId}`,
    `--activity-id=${activityId}`,
    `--result=${JSON.stringify(result)}`,
  ]);
};

const approve = async (request: Request) => {
  await request.send('approve', { by: request.people.pia });
  await request.mailed('approved');
};

/** A deletion in progress, whose workflow runs elsewhere. */
const addJob = async ({ people }: Request, options = {}): Promise<string> => {
  const { workspaceId, ada: keyId } = people;
  const { db } = database().owner;
  const jobId = await makeJob(db, { workspaceId, keyId, type: 'deletion', total: 3, options });
  await db.updateTable('jobs').set({ run_id: 'its own' }).where('id', '=', jobId).execute();
  return jobId;
};

const jobOf = async (jobId: string) => {
  const { rows } = await database().owner.pool.query<Record<string, unknown>>(
    'SELECT state, phase, run_id, error_type FROM jobs WHERE id = $1',
    [jobId],
  );
  return rows[0];
};

const mailCount = () => provider().mails.length;

const REFUSED = /is a step of a workflow. Without its workflow, this step does nothing/;

test('an activity without a workflow sends no mail, and changes no job and no request', async () => {
  const request = await ask();
  const jobId = await addJob(request);
  const { id: requestId } = request;
  const [before, mails] = [await jobOf(jobId), mailCount()];
  const end = { kind: 'failed', type: 'visit evil.example', message: 'call us' };
  const steps: [string, object][] = [
    ['notifyRequest', { requestId, kind: 'revoked' }],
    ['notifyRequest', { requestId, kind: 'approved', round: 30 }],
    ['notifyJob', { jobId, end }],
    ['notifyJobAgain', { jobId, round: 31 }],
    ['finishJob', { jobId, end }],
    ['settlePass', { jobId, pass: 1, isLast: true, deleted: 0 }],
    ['enterPhase', { jobId, phase: 'deleting' }],
    ['claimJob', { jobId, runId: 'mine' }],
    ['claimRequest', { requestId }],
    ['decideRequest', { requestId, kind: 'stop', id: randomUUID() }],
  ];
  for (const [type, input] of steps) await expect(execute(type, input)).rejects.toThrow(REFUSED);
  expect(await jobOf(jobId)).toEqual(before);
  expect(mailCount()).toBe(mails);
  expect((await request.request()).state).toBe('requested');
});

test('a workflow that is started by hand sends no false mail, and the true mail is sent later', async () => {
  const request = await ask();
  const { id: requestId } = request;
  const send = (kind: RequestNotice, round = 1) => {
    const input = { requestId, kind, round };
    return start('SendMail', mailWorkflowIdOf(input), input);
  };
  const mails = mailCount();
  for (const kind of ['approved', 'denied', 'ended', 'unanswered', 'closing/7200000'] as const) {
    expect(await send(kind)).toBeUndefined();
  }
  expect(mailCount()).toBe(mails);
  await approve(request);
  const approved = mailCount();
  for (const kind of ['revoked', 'ended', 'expired'] as const) {
    expect(await send(kind)).toBeUndefined();
  }
  expect(mailCount()).toBe(approved);
  await request.send('revoke', { by: request.people.paul });
  expect(await request.ends('revoked')).toBe('revoked');
  await waitFor(() => expect(request.mailsTo('bob')).toContain('Deleting all users: revoked'));
});

test('a further round is sent only if the API has recorded it, and only by its own workflow', async () => {
  const request = await ask();
  const round = { requestId: request.id, kind: 'asked', round: 2 } as const;
  const workflowId = mailWorkflowIdOf(round);
  const mails = mailCount();
  expect(await start('SendMail', workflowId, round)).toBe('mailNotAsked');
  const { id: requestId, people } = request;
  const wanted = { id: randomUUID(), subject: { requestId }, askedBy: people.ada };
  await insertRound(database().api.db, { ...wanted, kind: 'asked', round: 2 });
  expect(await start('SendMail', 'mail/another', round)).toBe('mailNotYours');
  expect(mailCount()).toBe(mails);
  expect(await start('SendMail', workflowId, round)).toBeUndefined();
  expect(mailCount()).toBeGreaterThan(mails);
});

test('the mail of a job that was started without one cannot be had by a workflow started by hand', async () => {
  const request = await ask();
  const ended = { state: 'cancelled', finished_at: new Date() } as const;
  const send = async (options: object) => {
    const jobId = await addJob(request, options);
    const { db } = database().owner;
    await db.updateTable('jobs').set(ended).where('id', '=', jobId).execute();
    const input = { jobId, round: 1 };
    return start('SendMail', mailWorkflowIdOf(input), input);
  };
  const mails = mailCount();
  expect(await send({ notify: false })).toBe('mailNotAsked');
  expect(mailCount()).toBe(mails);
  expect(await send({ notify: true })).toBeUndefined();
  expect(mailCount()).toBe(mails + 1);
});

test('steps of a restore that somebody completes by hand make no mail say that users were restored', async () => {
  const request = await ask();
  const { workspaceId, ada: keyId } = request.people;
  const { db, pool } = database().owner;
  const backup = { jobId: await addJob(request), workspaceId, purpose: 'backup' } as const;
  const { id: backupId } = await makeExport({ db }, backup);
  const options = { notify: true };
  const job = { workspaceId, keyId, type: 'restore', total: 3, options, backupId } as const;
  const jobId = await makeJob(db, job);
  const mails = mailCount();
  const client = await pool.connect();
  const workflowId = workflowIdOf({ id: jobId, type: 'restore' });
  let ending: ReturnType<typeof start>;
  try {
    // Holds the steps up: they read the row of the backup.
    await client.query('BEGIN; LOCK TABLE exports');
    ending = start('RestoreUsers', workflowId, { jobId });
    await complete(workflowId, 'verifyBackup', null);
    await complete(workflowId, 'restoreBackedUpUsers', { restored: 3 });
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
  expect(await ending).toBe('sumsDoNotClose');
  expect(await jobOf(jobId)).toMatchObject({ state: 'failed', error_type: 'sumsDoNotClose' });
  const subjects = provider()
    .mails.slice(mails)
    .map(({ subject }) => subject);
  expect(subjects).toEqual([`Restore failed: 0 users restored (${workspaceId})`]);
});

test('an id in another spelling is refused', async () => {
  const request = await ask();
  const { run_id: runId } = await request.request();
  for (const spelling of [request.id.toUpperCase(), request.id.replaceAll('-', '')]) {
    const times = { remindAfterMs: 1, closingRemindersMs: [] };
    const input = { requestId: spelling, times };
    expect(await start('DeleteAllUsers', requestWorkflowIdOf(spelling), input)).toBe(
      'requestNotYours',
    );
    const mail = { requestId: spelling, kind: 'asked', round: 1 } as const;
    expect(await start('SendMail', mailWorkflowIdOf(mail), mail)).toBe('mailNotYours');
  }
  expect((await request.request()).run_id).toBe(runId);
  const jobId = await addJob(request);
  const before = await jobOf(jobId);
  for (const id of [jobId.toUpperCase(), jobId.replaceAll('-', '')]) {
    const workflowId = workflowIdOf({ id, type: 'deletion' });
    expect(await start('DeleteUsers', workflowId, { jobId: id })).toBe('jobNotYours');
  }
  expect(await start('DeleteUsers', 'delete/another', { jobId })).toBe('jobNotYours');
  expect(await start('ExportUsers', `export/${jobId}`, { jobId })).toBe('jobNotYours');
  expect(await jobOf(jobId)).toEqual(before);
});
