import { Resend } from 'resend';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createNotifyJob } from '../../../activities/mails/notify-job.ts';
import { createNotifyRequest } from '../../../activities/mails/notify-request.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import type { JobEnd, RequestNotice } from '../../../workflows/contract.ts';
import { useDatabase } from '../../support/database/database.ts';
import { accepted, startMailProvider } from '../../support/http/mail-provider.ts';
import { TEST_SECRET } from '../../support/steps/activity-deps.ts';
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
      deleteAllTimes: { remindAfterMs: DAY_MS, closingRemindersMs: [2 * HOUR_MS] },
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
  await expect(notifyJob({ jobId, end })).rejects.toMatchObject({ type: 'nothingToTell' });
  expect(provider.seen).toEqual([]);
  await setJob(jobId, { phase: 'notifying' });
  await notifyJob({ jobId, end: COMPLETED });
  expect(bodies()).toMatchObject([{ subject: 'Deletion finished: 2 of 3 users deleted (Demo)' }]);
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

test('reminders are sent at their time, by the settings and not by the workflow', async () => {
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
