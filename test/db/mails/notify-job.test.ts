import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Resend } from 'resend';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createNotifyJob } from '../../../activities/mails/notify-job.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { jobSummary } from '../../../db/jobs/job-summary.ts';
import { closeDeletion } from '../../../rules/job-sums.ts';
import type { Outcome } from '../../../db/schema.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { readLinkToken } from '../../../files/link-token.ts';
import type { JobEnd } from '../../../workflows/contracts/jobs.ts';
import { useDatabase } from '../../support/database/database.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { makeExport, makeJob, type ExportToMake } from '../../support/steps/export-rows.ts';

interface Mail {
  key: string | undefined;
  to: string;
  subject: string;
  text: string;
  html: string;
}

const SECRET = 'a secret that is long enough for links';
const COMPLETED: JobEnd = { kind: 'completed' };
const ALL = { type: 'all' };
const DAY_MS = 86_400_000;

const database = useDatabase();
const mails: Mail[] = [];
/** Statuses of the next answers; 200 if there is none. */
const statuses: number[] = [];
const counted: string[] = [];
let keyId = '';
let notifyJob: ReturnType<typeof createNotifyJob>;

const provider = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString();
  });
  request.on('end', () => {
    const key = request.headers['idempotency-key'] as string | undefined;
    mails.push({ key, ...(JSON.parse(body) as Omit<Mail, 'key'>) });
    const status = statuses.shift() ?? 200;
    response.writeHead(status, { 'content-type': 'application/json' });
    const error = { statusCode: status, name: 'internal_server_error', message: 'no' };
    response.end(JSON.stringify(status === 200 ? { id: `mail-${mails.length}` } : error));
  });
});

beforeAll(async () => {
  await createWorkspace(database().owner.db, { id: 'demo', name: 'Demo' });
  const key = await createApiKey(database().owner.db, {
    role: 'admin',
    workspaceId: 'demo',
    ownerName: 'Ada Canary',
    ownerEmail: 'ada@keys.example',
  });
  keyId = key.id;
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const { port } = provider.address() as AddressInfo;
  notifyJob = createNotifyJob({
    database: database().app,
    config: {
      publicUrl: 'https://keepsake.example',
      linkSecret: SECRET,
      mailFrom: 'Keepsake <k@keepsake.example>',
    },
    mailer: new Resend('re_test', { baseUrl: `http://127.0.0.1:${port}` }),
    mailMeter: (kind, result) => void counted.push(`${kind} ${result}`),
    deadlineMs: PATIENCE_MS,
  });
});

afterAll(async () => {
  provider.closeAllConnections();
  await new Promise((resolve) => provider.close(resolve));
});

beforeEach(() => {
  mails.length = 0;
  statuses.length = 0;
});

const addExportJob = async (wanted: Partial<ExportToMake> = {}) => {
  const { db } = database().owner;
  const jobId = await makeJob(db, { workspaceId: 'demo', keyId });
  const file = await makeExport({ db }, { jobId, workspaceId: 'demo', ...wanted });
  return { jobId, file };
};

/**
 * A deletion with a backup of three users for each pass, and the number of deleted users in each.
 */
const addDeletion = async (
  deleted: number[],
  outcomes: Outcome[] = [],
  total: number | undefined = 3,
) => {
  const { db } = database().owner;
  const job = { workspaceId: 'demo', keyId, type: 'deletion' as const };
  const jobId = await makeJob(db, { ...job, ...(total !== undefined && { total }) });
  for (const [index, count] of deleted.entries()) {
    await makeExport(
      { db },
      {
        jobId,
        workspaceId: 'demo',
        purpose: 'backup',
        pass: index + 1,
        parts: ['userId\n', 'a\nb\nc\n'],
        deleted: count,
        expiresAt: new Date(Date.UTC(2099, 0, 30 - index)),
      },
    );
  }
  for (const [index, outcome] of outcomes.entries()) {
    await db
      .insertInto('outcomes')
      .values({ job_id: jobId, user_id: `canary-${index}`, outcome, reason: 'canary reason' })
      .execute();
  }
  return jobId;
};

const setJob = (jobId: string, changes: object) =>
  database().owner.db.updateTable('jobs').set(changes).where('id', '=', jobId).execute();

/** Reports an end as the workflow does: while the job is `notifying`, or once its row has ended. */
const notify = async ({ jobId, end }: { jobId: string; end: JobEnd }): Promise<void> => {
  const changes =
    end.kind === 'completed'
      ? { phase: 'notifying' }
      : {
          state: end.kind,
          error_type: end.kind === 'failed' ? end.type : null,
          finished_at: new Date(),
        };
  await setJob(jobId, changes);
  await notifyJob({ jobId, end });
};

const linksIn = (text: string): string[] =>
  [...text.matchAll(/https:\/\/keepsake\.example\/d\/(\S+)/g)].map((match) => match[1]!);

test('the owner of the key gets a mail about an export, with a link to its file', async () => {
  const { jobId, file } = await addExportJob();
  await notify({ jobId, end: COMPLETED });
  expect(mails).toHaveLength(1);
  const [mail] = mails;
  expect(mail).toMatchObject({
    key: `${jobId}/finished`,
    to: 'ada@keys.example',
    subject: 'Export ready: 3 users of Demo',
  });
  expect(mail?.text).toContain(file.sha256);
  const linkId = readLinkToken(linksIn(mail!.text)[0]!, SECRET);
  const link = await database()
    .owner.db.selectFrom('download_links')
    .selectAll()
    .where('id', '=', linkId!)
    .executeTakeFirstOrThrow();
  expect(link).toMatchObject({ export_id: file.id, created_by: keyId, revoked_at: null });
  expect(Math.round((link.expires_at.getTime() - Date.now()) / DAY_MS)).toBe(7);
});

test('a mail that is tried again is identical: same key, same link, same text', async () => {
  const { jobId } = await addExportJob();
  statuses.push(500, 500);
  await expect(notify({ jobId, end: COMPLETED })).rejects.toMatchObject({
    type: 'MailUnavailable',
  });
  await expect(notify({ jobId, end: COMPLETED })).rejects.toMatchObject({
    type: 'MailUnavailable',
  });
  await notify({ jobId, end: COMPLETED });
  expect(mails).toHaveLength(3);
  expect(mails[1]).toEqual(mails[0]);
  expect(mails[2]).toEqual(mails[0]);
});

test('two tries at the same time make one link and one notice', async () => {
  const { jobId, file } = await addExportJob();
  await Promise.all([notify({ jobId, end: COMPLETED }), notify({ jobId, end: COMPLETED })]);
  for (const mail of mails) expect(mail).toEqual(mails[0]);
  const { db } = database().owner;
  const links = await db.selectFrom('download_links').where('export_id', '=', file.id).execute();
  expect(links).toHaveLength(1);
  const notices = await db.selectFrom('notices').where('job_id', '=', jobId).execute();
  expect(notices).toHaveLength(1);
});

test('the mail about a job is sent once', async () => {
  const { jobId } = await addExportJob();
  await notify({ jobId, end: COMPLETED });
  await notify({ jobId, end: COMPLETED });
  expect(mails).toHaveLength(1);
});

test('an export without a verified file is not announced as ready', async () => {
  for (const state of ['writing', 'written', 'damaged'] as const) {
    const { jobId } = await addExportJob({ state });
    await expect(notify({ jobId, end: COMPLETED })).rejects.toMatchObject({ nonRetryable: true });
  }
  expect(mails).toHaveLength(0);
});

test('the mail about an export that failed or was cancelled has no link', async () => {
  const failed = await addExportJob({ state: 'writing' });
  const end: JobEnd = { kind: 'failed', type: 'storageFull', message: 'canary message' };
  await notify({ jobId: failed.jobId, end });
  const cancelled = await addExportJob({ state: 'writing' });
  await notify({ jobId: cancelled.jobId, end: { kind: 'cancelled' } });
  expect(mails.map(({ subject }) => subject)).toEqual([
    'Export failed: Demo',
    'Export cancelled: Demo',
  ]);
  expect(mails.flatMap(({ text }) => linksIn(text))).toEqual([]);
  expect(mails[0]?.text).toContain('storageFull');
  expect(mails[0]?.text).not.toContain('canary');
});

test('the mail about a deletion has its counts, one link for each backup, and the first expiry', async () => {
  const jobId = await addDeletion([2, 1], ['held', 'failed'], 5);
  await notify({ jobId, end: COMPLETED });
  const [mail] = mails;
  expect(mail?.subject).toBe('Deletion finished in part: 3 of 5 users deleted (Demo)');
  expect(new Set(linksIn(mail!.text)).size).toBe(2);
  expect(mail?.text).toContain('until 29 January 2099');
  expect(mail?.text).toMatch(/Download the log:\nhttps:\/\/keepsake\.example\/p\/\S{71}\n/);
  expect(mail?.text).not.toContain('/v1/');
  expect(`${mail?.text}${mail?.html}`).not.toMatch(/canary|\bAda\b/i);
});

test('the mail about a deletion that deleted no user says so, and links no backup', async () => {
  const jobId = await addDeletion([0], ['held', 'held', 'held']);
  await notify({ jobId, end: COMPLETED });
  expect(mails[0]?.subject).toBe('Deletion finished: no user was deleted (Demo)');
  expect(linksIn(mails[0]!.text)).toEqual([]);
});

test('the mail about a cancelled deletion counts the unprocessed users', async () => {
  const jobId = await addDeletion([1]);
  await notify({ jobId, end: { kind: 'cancelled' } });
  expect(mails[0]?.subject).toBe('Deletion cancelled: 1 of 3 users deleted (Demo)');
  expect(mails[0]?.text).toContain('Not processed: 2');
});

test('a job that failed because it was cancelled is reported as cancelled, as its row says', async () => {
  const jobId = await addDeletion([1]);
  await setJob(jobId, { state: 'cancelled', finished_at: new Date() });
  await notifyJob({ jobId, end: { kind: 'failed', type: 'jobNotRunning', message: '' } });
  expect(mails[0]?.subject).toMatch(/^Deletion cancelled: 1 of 3/);
});

test('a deletion whose sums do not close is reported as failed', async () => {
  const jobId = await addDeletion([2]);
  await expect(notify({ jobId, end: COMPLETED })).rejects.toMatchObject({ type: 'jobNotEnded' });
  await notify({ jobId, end: { kind: 'failed', type: 'sumsDoNotClose', message: '' } });
  expect(mails[0]?.subject).toMatch(/^Deletion failed: 2 of 3 users deleted \(/);
  expect(mails[0]?.text).toContain('sumsDoNotClose');
});

test('a mail about an unknown job is not tried again', async () => {
  const failing = notify({ jobId: uuidv7(), end: COMPLETED });
  await expect(failing).rejects.toMatchObject({ nonRetryable: true });
});

test('the summary counts the deleted users of every pass, and the outcomes by kind', async () => {
  const jobId = await addDeletion([3, 2], ['held', 'notFound', 'notFound', 'changedSinceBackup']);
  const { counts, exports } = await jobSummary(database().app.db, jobId);
  expect(counts).toEqual({
    selected: 3,
    deleted: 5,
    changedSinceBackup: 1,
    notFound: 2,
    held: 1,
    failed: 0,
    unprocessed: 0,
  });
  expect(exports.map(({ pass }) => pass)).toEqual([1, 2]);
});

test('the summary of a job that has selected no users yet has no total, and does not close', async () => {
  const jobId = await makeJob(database().owner.db, {
    workspaceId: 'demo',
    keyId,
    type: 'deletion',
  });
  const { counts, exports } = await jobSummary(database().app.db, jobId);
  expect(counts).toMatchObject({ selected: null, deleted: 0 });
  expect(exports).toEqual([]);
  expect(closeDeletion(counts, COMPLETED, ALL)).toMatchObject({
    kind: 'failed',
    type: 'sumsDoNotClose',
  });
  expect(closeDeletion(counts, { kind: 'cancelled' }, ALL)).toEqual({ kind: 'cancelled' });
});
