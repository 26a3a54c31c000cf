import { Resend } from 'resend';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createNotifyJob, createNotifyJobAgain } from '../../../activities/mails/notify-job.ts';
import { createNotifyRequest } from '../../../activities/mails/notify-request.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { listJobMails, listRequestMails } from '../../../db/mails/mail-rounds.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { useDatabase } from '../../support/database/database.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { createRequestSteps, seedPeople } from '../../support/steps/delete-all.ts';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';
import {
  accepted,
  type Answer,
  json,
  startMailProvider,
} from '../../support/http/mail-provider.ts';

/** The records of mails while a provider accepts, refuses and delays them. */

const database = useDatabase();
const COMPLETED = { kind: 'completed' } as const;
const ADDRESS = 'ada@keys.example';

let provider: Awaited<ReturnType<typeof startMailProvider>>;
let deps: Parameters<typeof createNotifyRequest>[0];
let keyId = '';
const counted: string[] = [];

const answer = (status: number, name: string, headers: Record<string, string> = {}): Answer =>
  json(status, { statusCode: status, name, message: `no: ${ADDRESS}` }, headers);
const limited = answer(429, 'rate_limit_exceeded', { 'retry-after': '600' });
const refused = answer(403, 'invalid_api_key');

beforeAll(async () => {
  const { owner, worker } = database();
  await createWorkspace(owner.db, { id: 'demo', name: 'Demo' });
  const person = { ownerName: 'Ada', ownerEmail: ADDRESS, workspaceId: 'demo' };
  keyId = (await createApiKey(owner.db, { role: 'admin', ...person })).id;
  provider = await startMailProvider(accepted);
  deps = {
    database: worker,
    config: {
      publicUrl: 'https://keepsake.example',
      linkSecret: 'a secret that is long enough for links',
      mailFrom: 'Keepsake <k@keepsake.example>',
      deleteAllSignals: 'code',
    },
    mailer: new Resend('re_test', { baseUrl: provider.url }),
    mailMeter: (kind, result) => void counted.push(`${kind} ${result}`),
    deadlineMs: PATIENCE_MS,
  };
});

afterAll(() => provider.stop());

beforeEach(() => {
  provider.plan(accepted);
  provider.seen.length = 0;
  counted.length = 0;
});

const finish = (jobId: string, state = 'succeeded') =>
  database().owner.pool.query('UPDATE jobs SET state = $2, finished_at = now() WHERE id = $1', [
    jobId,
    state,
  ]);

/** An ended export with its file. */
const addJob = async () => {
  const { db } = database().owner;
  const jobId = await makeJob(db, { workspaceId: 'demo', keyId });
  await makeExport({ db }, { jobId, workspaceId: 'demo' });
  await finish(jobId);
  return jobId;
};

const mailsOf = async (jobId: string) =>
  (await listJobMails(database().api.db, [jobId])).get(jobId) ?? [];
const notify = (jobId: string) => createNotifyJob(deps)({ jobId, end: COMPLETED });
const again = (jobId: string, round: number) => createNotifyJobAgain(deps)({ jobId, round });

const letTry = (table: 'notices' | 'request_notices') =>
  database().owner.pool.query(`UPDATE ${table} SET waits_until = NULL`);

test('an accepted mail is recorded with its time and its number of attempts', async () => {
  const jobId = await addJob();
  expect(await mailsOf(jobId)).toEqual([]);
  provider.plan(answer(500, 'internal_server_error'), accepted);
  await expect(notify(jobId)).rejects.toMatchObject({ type: 'MailUnavailable' });
  expect(await mailsOf(jobId)).toMatchObject([
    { state: 'waiting', attempts: 1, reason: 'internal_server_error, status 500', round: 1 },
  ]);
  await notify(jobId);
  expect(await mailsOf(jobId)).toMatchObject([
    { kind: 'finished', state: 'accepted', attempts: 2, reason: null, since: expect.any(Date) },
  ]);
  expect(counted).toEqual(['finished waiting', 'finished accepted']);
});

test('a refused mail is recorded with the reason, without the address, and may be accepted later', async () => {
  const jobId = await addJob();
  provider.plan(refused);
  await expect(notify(jobId)).rejects.toMatchObject({ type: 'MailRefused', nonRetryable: true });
  const mails = await mailsOf(jobId);
  expect(mails).toMatchObject([{ state: 'refused', reason: 'invalid_api_key, status 403' }]);
  expect(JSON.stringify(mails)).not.toContain(ADDRESS);
  provider.plan(accepted);
  await notify(jobId);
  expect(await mailsOf(jobId)).toMatchObject([{ state: 'accepted', reason: null }]);
});

test('after a 429, no step sends a request before its Retry-After has passed', async () => {
  const jobId = await addJob();
  provider.plan(limited);
  await expect(notify(jobId)).rejects.toMatchObject({ nextRetryDelay: 600_000 });
  const [mail] = await mailsOf(jobId);
  expect(mail?.waitsUntil?.getTime()).toBeGreaterThan(Date.now() + 500_000);
  provider.plan(accepted);
  for (const step of [() => notify(jobId), () => again(jobId, 1)]) {
    const failure = await step().catch((error: { nextRetryDelay: number }) => error);
    expect(failure).toMatchObject({ type: 'MailUnavailable' });
    expect((failure as { nextRetryDelay: number }).nextRetryDelay).toBeGreaterThan(500_000);
  }
  expect(provider.seen).toHaveLength(1);
  await letTry('notices');
  await notify(jobId);
  expect(await mailsOf(jobId)).toMatchObject([{ state: 'accepted', waitsUntil: null }]);
});

test('a mail that another request with its key has sent is accepted, and never sent again', async () => {
  const jobId = await addJob();
  provider.plan(answer(409, 'invalid_idempotent_request'));
  await notify(jobId);
  await notify(jobId);
  expect(await mailsOf(jobId)).toMatchObject([{ state: 'accepted', attempts: 1 }]);
  expect(provider.seen).toHaveLength(1);
});

test('a further round is a separate mail with a new link, and is sent once', async () => {
  const jobId = await addJob();
  await notify(jobId);
  await again(jobId, 2);
  await again(jobId, 2);
  await again(jobId, 3);
  expect(provider.seen.map(({ key }) => key)).toEqual([
    `${jobId}/finished`,
    `${jobId}/finished/2`,
    `${jobId}/finished/3`,
  ]);
  const links = provider.seen.map(({ body }) => /\/d\/[\w-]+/.exec(body)?.[0]);
  expect(new Set(links).size).toBe(3);
  expect(await mailsOf(jobId)).toMatchObject([
    { round: 1, state: 'accepted' },
    { round: 2, state: 'accepted' },
    { round: 3, state: 'accepted' },
  ]);
});

test.each([
  ['cancelled', 'Export cancelled: Demo'],
  ['failed', 'Export failed: Demo'],
])(
  'a mail about a job that was %s is sent again with the state in its row',
  async (state, subject) => {
    const jobId = await makeJob(database().owner.db, { workspaceId: 'demo', keyId });
    await finish(jobId, state);
    await again(jobId, 2);
    expect(JSON.parse(provider.seen[0]!.body)).toMatchObject({ subject });
  },
);

test('a mail about an expired file is refused with the reason nothingToTell', async () => {
  const jobId = await addJob();
  await database().owner.pool.query('UPDATE exports SET expires_at = now() WHERE job_id = $1', [
    jobId,
  ]);
  await expect(again(jobId, 1)).rejects.toMatchObject({ type: 'nothingToTell' });
  expect(await mailsOf(jobId)).toMatchObject([{ state: 'refused', reason: 'nothingToTell' }]);
  expect(provider.seen).toEqual([]);
});

test('a mail that was not accepted within a day is abandoned', async () => {
  const jobId = await addJob();
  provider.plan(answer(500, 'internal_server_error'));
  await expect(notify(jobId)).rejects.toThrow('sent again');
  await database().owner.pool.query(
    `UPDATE notices SET begun_at = now() - interval '25 hours' WHERE job_id = $1`,
    [jobId],
  );
  const [mail] = await mailsOf(jobId);
  expect(mail?.state).toBe('givenUp');
  // The provider has forgotten the key, so a retry with that key could deliver the mail twice.
  const tries = provider.seen.length;
  await expect(notify(jobId)).rejects.toMatchObject({ type: 'MailGivenUp', nonRetryable: true });
  expect(provider.seen).toHaveLength(tries);
  expect(Date.now() - (mail?.since.getTime() ?? 0)).toBeGreaterThan(3_000_000);
});

let workspaces = 0;

/** A request with five recipients of mails. */
const addRequest = async () => {
  const people = await seedPeople(database(), `asked-${workspaces++}`);
  return { people, requestId: await createRequestSteps(database()).insert(people) };
};

const tell = (requestId: string, round?: number) =>
  createNotifyRequest(deps)({ requestId, kind: 'asked', ...(round !== undefined && { round }) });
const statesOf = async (requestId: string) =>
  (await listRequestMails(database().api.db, requestId)).map(({ state }) => state).toSorted();

/** The count includes people of the platform team of other tests. */
const countPeople = async (requestId: string) =>
  (await listRequestMails(database().api.db, requestId)).length;

test('after a 429, a round tries no further mail before Retry-After has passed', async () => {
  const { requestId } = await addRequest();
  provider.plan(accepted, limited, accepted);
  await expect(tell(requestId)).rejects.toMatchObject({ nextRetryDelay: 600_000 });
  expect(provider.seen).toHaveLength(2);
  const failure = await tell(requestId).catch((error: { nextRetryDelay: number }) => error);
  expect((failure as { nextRetryDelay: number }).nextRetryDelay).toBeGreaterThan(500_000);
  expect(provider.seen).toHaveLength(2);
  expect((await statesOf(requestId)).filter((state) => state === 'accepted')).toHaveLength(1);
  await letTry('request_notices');
  await tell(requestId);
  const count = await countPeople(requestId);
  expect(await statesOf(requestId)).toEqual(Array(count).fill('accepted'));
  expect(provider.seen).toHaveLength(count + 1);
  expect(counted.filter((each) => each === 'asked waiting')).toHaveLength(1);
});

test('a 429 after another failure keeps its Retry-After', async () => {
  const { requestId } = await addRequest();
  provider.plan(answer(500, 'internal_server_error'), limited);
  await expect(tell(requestId)).rejects.toMatchObject({ nextRetryDelay: 600_000 });
});

test('a refused mail does not delay other mails, and is not tried again within the round', async () => {
  const { requestId } = await addRequest();
  provider.plan(answer(422, 'validation_error'), answer(500, 'internal_server_error'), accepted);
  await expect(tell(requestId)).rejects.toMatchObject({ type: 'MailUnavailable' });
  await tell(requestId);
  const count = await countPeople(requestId);
  expect(await statesOf(requestId)).toEqual([...Array(count - 1).fill('accepted'), 'refused']);
  expect(provider.seen).toHaveLength(count + 1);
});

test('the mails of a request identify each recipient only by the key', async () => {
  const { people, requestId } = await addRequest();
  await tell(requestId);
  const mails = await listRequestMails(database().api.db, requestId);
  const { shown_id: shownId } = await database()
    .owner.db.selectFrom('api_keys')
    .select('shown_id')
    .where('id', '=', people.bob)
    .executeTakeFirstOrThrow();
  expect(mails.filter((mail) => mail.keyId === shownId)).toHaveLength(1);
  expect(JSON.stringify(mails)).not.toContain('@');
});

test('a further round is sent to the current recipients, under other keys', async () => {
  const { people, requestId } = await addRequest();
  await tell(requestId);
  const before = provider.seen.length;
  const { owner } = database();
  const eve = { ownerName: 'Eve', ownerEmail: `eve@${people.workspaceId}.example` };
  await createApiKey(owner.db, { role: 'admin', workspaceId: people.workspaceId, ...eve });
  await tell(requestId, 2);
  const second = provider.seen.slice(before);
  expect(second).toHaveLength(before + 1);
  expect(second.some(({ body }) => body.includes(eve.ownerEmail))).toBe(true);
  expect(new Set(provider.seen.map(({ key }) => key)).size).toBe(provider.seen.length);
});

test('a mail about an earlier state of a request is not sent again', async () => {
  const { requestId } = await addRequest();
  await tell(requestId);
  const before = provider.seen.length;
  await database().owner.pool.query(
    `UPDATE delete_all_requests SET state = 'denied', finished_at = now() WHERE id = $1`,
    [requestId],
  );
  await tell(requestId, 2);
  expect(provider.seen).toHaveLength(before);
});
