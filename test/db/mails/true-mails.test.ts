import { Resend } from 'resend';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createFinishJob } from '../../../activities/jobs/finish-job.ts';
import { createNotifyJob } from '../../../activities/mails/notify-job.ts';
import { createNotifyRequest } from '../../../activities/mails/notify-request.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { findRequestView } from '../../../db/delete-all/delete-all-requests.ts';
import { saveDeleteAllSettings } from '../../../db/delete-all/delete-all-settings.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import type { RequestNotice } from '../../../workflows/contracts/delete-all.ts';
import type { JobEnd } from '../../../workflows/contracts/jobs.ts';
import { useDatabase } from '../../support/database/database.ts';
import { accepted, startMailProvider } from '../../support/http/mail-provider.ts';
import { fakeDeps, TEST_SECRET } from '../../support/steps/activity-deps.ts';
import {
  ASKED_AT,
  createAsking,
  createRequestSteps,
  DAY_MS,
} from '../../support/steps/delete-all.ts';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';

/** The content of a mail comes from the database, not from the input of the step. */

const database = useDatabase();
const HOUR_MS = DAY_MS / 24;
const COMPLETED: JobEnd = { kind: 'completed' };
const FORGED: JobEnd = { kind: 'failed', type: 'visit evil.example', message: '' };

let provider: Awaited<ReturnType<typeof startMailProvider>>;
let deps: Parameters<typeof createNotifyRequest>[0];
let keyId = '';

beforeAll(async () => {
  const { owner, worker } = database();
  await createWorkspace(owner.db, { id: 'demo', name: 'Demo' });
  const person = { ownerName: 'Ada', ownerEmail: 'ada@keys.example', workspaceId: 'demo' };
  keyId = (await createApiKey(owner.db, { role: 'admin', ...person })).id;
  provider = await startMailProvider(accepted);
  deps = {
    database: worker,
    config: {
      publicUrl: 'https://keepsake.example',
      linkSecret: TEST_SECRET,
      mailFrom: 'Keepsake <k@keepsake.example>',
      deleteAllSignals: 'code',
    },
    mailer: new Resend('re_test', { baseUrl: provider.url }),
    mailMeter: () => {},
  };
});

afterAll(() => provider.stop());

beforeEach(() => {
  provider.seen.length = 0;
});

const bodies = () =>
  provider.seen.map(({ body }) => JSON.parse(body) as { subject: string; text: string });

/** A deletion of three users, two of which are deleted. */
const addDeletion = async () => {
  const { db } = database().owner;
  const job = { workspaceId: 'demo', keyId, type: 'deletion', total: 3 } as const;
  const jobId = await makeJob(db, job);
  const parts = ['userId\n', 'a\nb\nc\n'];
  await makeExport({ db }, { jobId, workspaceId: 'demo', purpose: 'backup', parts, deleted: 2 });
  const outcome = { user_id: 'c', outcome: 'held', reason: null } as const;
  await db
    .insertInto('outcomes')
    .values({ job_id: jobId, ...outcome })
    .execute();
  return jobId;
};

const setJob = (jobId: string, changes: object) =>
  database().owner.db.updateTable('jobs').set(changes).where('id', '=', jobId).execute();

test.each<[string, string, JobEnd]>([
  ['failed', 'deleting', FORGED],
  ['was cancelled', 'deleting', { kind: 'cancelled' }],
  ['is done', 'deleting', COMPLETED],
  ['was cancelled, though it is told through', 'notifying', { kind: 'cancelled' }],
])('no mail says that a running job %s, and a mail reports its true end', async (_, phase, end) => {
  const jobId = await addDeletion();
  const notifyJob = createNotifyJob(deps);
  await setJob(jobId, { phase });
  await expect(notifyJob({ jobId, end })).rejects.toMatchObject({ type: 'jobNotEnded' });
  expect(provider.seen).toEqual([]);
  await setJob(jobId, { phase: 'notifying' });
  await notifyJob({ jobId, end: COMPLETED });
  expect(bodies()).toMatchObject([{ subject: 'Deletion finished: 2 of 3 users deleted (Demo)' }]);
});

/** A restore of three users that waits for its mail; `restored` of them were restored. */
const addRestore = async (restored: number) => {
  const { db } = database().owner;
  const first = await makeJob(db, { workspaceId: 'demo', keyId, type: 'deletion' });
  const backup = { jobId: first, workspaceId: 'demo', purpose: 'backup' } as const;
  const { id: backupId } = await makeExport({ db }, backup);
  const job = { workspaceId: 'demo', keyId, type: 'restore', total: 3, backupId } as const;
  const jobId = await makeJob(db, job);
  const chunk = { job_id: jobId, part: 1, restored, present: 0, failed: 0, restored_ids: '{}' };
  await db
    .insertInto('restore_chunks')
    .values(chunk as never)
    .execute();
  await setJob(jobId, { phase: 'notifying' });
  return jobId;
};

/** A deletion of three users of whom one has no outcome yet. */
const addOpenDeletion = async () => {
  const jobId = await addDeletion();
  const { db } = database().owner;
  await db.deleteFrom('outcomes').where('job_id', '=', jobId).execute();
  await setJob(jobId, { phase: 'notifying' });
  return jobId;
};

/** An export whose file was written but never verified. */
const addUnverified = async () => {
  const { db } = database().owner;
  const jobId = await makeJob(db, { workspaceId: 'demo', keyId });
  await makeExport({ db }, { jobId, workspaceId: 'demo', state: 'written' });
  await setJob(jobId, { phase: 'notifying' });
  return jobId;
};

/** A deletion whose users were not counted: no preview, no backup. */
const addUncounted = async () => {
  const job = { workspaceId: 'demo', keyId, type: 'deletion' } as const;
  const jobId = await makeJob(database().owner.db, job);
  await setJob(jobId, { phase: 'notifying' });
  return jobId;
};

test.each<[string, () => Promise<string>, string, RegExp]>([
  ['restore', () => addRestore(1), 'sumsDoNotClose', /^Restore failed: 1 user restored/],
  ['deletion', addOpenDeletion, 'sumsDoNotClose', /^Deletion failed: 2 of 3/],
  ['export', addUnverified, 'exportUnknown', /^Export failed/],
  ['deletion without a backup', addUncounted, 'sumsDoNotClose', /^Deletion failed/],
])(
  '%s: a job that somebody has moved to its last phase is mailed about after its end, as it is stored',
  async (_, add, type, subject) => {
    const jobId = await add();
    const told = { jobId, end: COMPLETED };
    const notifyJob = createNotifyJob(deps);
    await expect(notifyJob(told)).rejects.toMatchObject({ type: 'jobNotEnded' });
    expect(provider.seen).toEqual([]);
    const stored = await createFinishJob(fakeDeps(database().worker))(told);
    expect(stored).toMatchObject({ state: 'failed', error: { type } });
    await notifyJob(told);
    expect(bodies()).toMatchObject([{ subject: expect.stringMatching(subject) as string }]);
    expect(provider.seen[0]?.body).toContain(type);
  },
);

test('a restore whose sums close is told of before its end is stored, which says the same', async () => {
  const jobId = await addRestore(3);
  await createNotifyJob(deps)({ jobId, end: COMPLETED });
  expect(bodies()).toMatchObject([{ subject: 'Restore finished: 3 users restored (Demo)' }]);
  // A reset takes the job back to an earlier phase.
  await setJob(jobId, { phase: 'restoring' });
  const terminated: JobEnd = { kind: 'failed', type: 'workflowTerminated', message: '' };
  const stored = await createFinishJob(fakeDeps(database().worker))({ jobId, end: terminated });
  expect(stored).toMatchObject({ state: 'succeeded', failures: 0 });
});

test('a job that is terminated before its mail was tried ends as its sums say', async () => {
  const jobId = await addRestore(3);
  const terminated: JobEnd = { kind: 'failed', type: 'workflowTerminated', message: '' };
  const stored = await createFinishJob(fakeDeps(database().worker))({ jobId, end: terminated });
  expect(stored).toMatchObject({ state: 'succeeded', failures: 0 });
});

test('the mail about a restore counts the users whose outcomes could not be stored', async () => {
  const jobId = await addRestore(1);
  const counts = { selected: 3, restored: 1, present: 0, notFound: 0, failed: 0, unprocessed: 2 };
  const end = { state: 'failed', error_type: 'databaseRefused', finished_at: new Date() };
  await setJob(jobId, { ...end, counts: JSON.stringify(counts) });
  await createNotifyJob(deps)({ jobId, end: COMPLETED });
  expect(bodies()[0]?.text).toContain('Not processed: 2');
});

test('the mail about the end of a job follows its row', async () => {
  const jobId = await addDeletion();
  await setJob(jobId, { state: 'succeeded', finished_at: new Date() });
  await createNotifyJob(deps)({ jobId, end: FORGED });
  expect(bodies()).toMatchObject([{ subject: 'Deletion finished: 2 of 3 users deleted (Demo)' }]);
  expect(provider.seen[0]?.body).not.toContain('evil');
});

const ask = createAsking(database);

const notify = (requestId: string, kind: string, now = ASKED_AT) =>
  createNotifyRequest(deps, () => now)({ requestId, kind: kind as RequestNotice });

const isMailed = (requestId: string, kind: string) =>
  createRequestSteps(database()).isMailed(requestId, kind as RequestNotice);

const approved = async () => {
  const { id, people } = await ask();
  await createRequestSteps(database()).decide(id, 'approve', ASKED_AT, { by: people.pia });
  return { id, people };
};

const ENDS = ['denied', 'withdrawn', 'lapsed', 'expired', 'revoked', 'ended'];

test('no mail says that a pending request was decided, or has ended', async () => {
  const { id } = await ask();
  for (const kind of [...ENDS, 'approved', 'closing/7200000', 'nonsense']) await notify(id, kind);
  expect(provider.seen).toEqual([]);
  await notify(id, 'asked');
  expect(await isMailed(id, 'asked')).toBe(true);
});

test('no mail says that an open window is closed, and a mail reports its true end', async () => {
  const { id, people } = await approved();
  for (const kind of [...ENDS, 'unanswered']) await notify(id, kind, ASKED_AT + 2 * DAY_MS);
  expect(provider.seen).toEqual([]);
  await createRequestSteps(database()).decide(id, 'revoke', ASKED_AT + 1, { by: people.paul });
  await notify(id, 'revoked');
  expect(await isMailed(id, 'revoked')).toBe(true);
});

test('a request and its approval are reported even if the mails are late', async () => {
  const { id, people } = await approved();
  await notify(id, 'asked');
  await createRequestSteps(database()).decide(id, 'withdraw', ASKED_AT + 1, { by: people.bob });
  await notify(id, 'approved');
  expect(await isMailed(id, 'asked')).toBe(true);
  expect(await isMailed(id, 'approved')).toBe(true);
});

test('the end of a run is reported only after no other run is in progress', async () => {
  const { id, people } = await approved();
  const steps = createRequestSteps(database());
  const previewId = await steps.preview(people, id);
  await steps.submit(id, 'run', ASKED_AT + 1, { by: people.bob, previewId });
  await notify(id, 'ended');
  expect(provider.seen).toEqual([]);
  await steps.endJob((await steps.request(id)).job_id ?? '', 'partiallySucceeded', 2);
  await steps.decide(id, 'finish', ASKED_AT + 2);
  await steps.decide(id, 'revoke', ASKED_AT + 3, { by: people.paul });
  await notify(id, 'ended');
  expect(await isMailed(id, 'ended')).toBe(true);
});

/** Stores when people are reminded of further requests. */
const setReminders = async (remindAfterMs: number, closingRemindersMs: number[]) => {
  const settings = { percent: 90, memoryMs: DAY_MS, lapseMs: 14 * DAY_MS, windowMs: 3 * DAY_MS };
  await saveDeleteAllSettings(database().owner.db, {
    ...settings,
    remindAfterMs,
    closingRemindersMs,
  });
};

test('reminders come at the times that the request was made with, whatever was set later', async () => {
  await setReminders(2 * DAY_MS, [HOUR_MS, 5 * HOUR_MS]);
  const { id } = await ask();
  await setReminders(DAY_MS, [2 * HOUR_MS]);
  const { times } = (await findRequestView(database().worker.db, id))!;
  expect(times).toEqual({
    remindAfterMs: 2 * DAY_MS,
    closingRemindersMs: [HOUR_MS, 5 * HOUR_MS],
  });
  await notify(id, 'unanswered', ASKED_AT + DAY_MS);
  expect(provider.seen).toEqual([]);
  await notify(id, 'unanswered', ASKED_AT + 2 * DAY_MS);
  expect(await isMailed(id, 'unanswered')).toBe(true);
});

test('reminders come at their time, by the row and not by the workflow', async () => {
  await setReminders(DAY_MS, [2 * HOUR_MS]);
  const { id } = await ask();
  await notify(id, 'unanswered', ASKED_AT + DAY_MS - HOUR_MS);
  expect(provider.seen).toEqual([]);
  await notify(id, 'unanswered', ASKED_AT + DAY_MS);
  expect(await isMailed(id, 'unanswered')).toBe(true);
  const open = await approved();
  const closesAt = (await createRequestSteps(database()).request(open.id)).closes_at!.getTime();
  provider.seen.length = 0;
  await notify(open.id, 'closing/7200000', closesAt - 3 * HOUR_MS);
  await notify(open.id, 'closing/3600000', closesAt - HOUR_MS);
  await notify(open.id, 'closing/7200000', closesAt);
  expect(provider.seen).toEqual([]);
  await notify(open.id, 'closing/7200000', closesAt - 2 * HOUR_MS);
  expect(await isMailed(open.id, 'closing/7200000')).toBe(true);
});
