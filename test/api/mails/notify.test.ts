import { afterEach, beforeEach, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { useApi } from '../support.ts';

const api = useApi();

beforeEach(() => {
  api().starter.mails.length = 0;
});
afterEach(async () => {
  api().starter.isAway = false;
  await api().sender.setTime(null);
});

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const addJob = async (state = 'succeeded'): Promise<string> => {
  const id = uuidv7();
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, options, actor_key_id, finished_at)
     VALUES ($1, 'one', 'export', $2, '{"type":"all"}', '{"format":"csv","compression":"none","columns":[]}', $3,
             CASE WHEN $2 IN ('queued', 'running') THEN NULL ELSE now() END)`,
    [id, state, api().keyIds.one],
  );
  return id;
};

/** Adds a mail in the same form as the worker. */
const addMail = (jobId: string, round: number, columns: Record<string, string>) =>
  query(
    `INSERT INTO notices (job_id, kind, round, attempts, ${Object.keys(columns).join(', ')})
     VALUES ($1, 'finished', $2, 1, ${Object.values(columns).join(', ')})`,
    [jobId, round],
  );
const ACCEPTED = { accepted_at: 'now()', provider_id: `'mail-1'` };

const notify = (id: string, options: { key?: string; headers?: Record<string, string> } = {}) =>
  api().call('POST', `/v1/jobs/${id}/notify`, options);
const mailOf = async (id: string) => (await api().call('GET', `/v1/jobs/${id}`)).body.mail;
const rounds = () => api().starter.mails.map(({ input }) => input.round);

test('a job lists its mails without address or text, with a link to send one again', async () => {
  const id = await addJob();
  expect(await mailOf(id)).toEqual([]);
  await addMail(id, 1, { refused_at: 'now()', reason: `'invalid_api_key, status 403'` });
  const { body, text } = await api().call('GET', `/v1/jobs/${id}`);
  expect(body.mail).toEqual([
    {
      kind: 'finished',
      round: 1,
      state: 'refused',
      since: expect.any(String),
      attempts: 1,
      reason: 'invalid_api_key, status 403',
      waitsUntil: null,
    },
  ]);
  expect(body.links.notify).toBe(`/v1/jobs/${id}/notify`);
  expect(text).not.toContain('@');
  const list = (await api().call('GET', '/v1/jobs')).body.data;
  expect(list.find((job: { id: string }) => job.id === id).mail).toEqual(body.mail);
});

test('a waiting mail shows the time that the provider asked for, until that time has passed', async () => {
  const id = await addJob();
  await addMail(id, 1, { waits_until: `now() + interval '1 hour'` });
  const [mail] = await mailOf(id);
  expect(mail).toMatchObject({ state: 'waiting', waitsUntil: expect.any(String) });
  expect((await api().call('GET', `/v1/jobs/${id}`)).body.waitingFor).toEqual({
    type: 'MailUnavailable',
    since: mail.since,
    attempt: 2,
  });
  await query(`UPDATE notices SET waits_until = now() - interval '1 second' WHERE job_id = $1`, [
    id,
  ]);
  expect((await mailOf(id))[0].waitsUntil).toBeNull();
});

test.each(['one', 'platform', 'ops'] as const)(
  'a key of %s can send a mail again',
  async (role) => {
    const id = await addJob();
    await addMail(id, 1, ACCEPTED);
    const answer = await notify(id, { key: api().keys[role] });
    expect(answer.status).toBe(202);
    expect(answer.headers['location']).toBe(`/v1/exports/${id}`);
    expect(answer.body.mail).toMatchObject([
      { round: 1, state: 'accepted' },
      { round: 2, state: 'waiting', attempts: 0, reason: null },
    ]);
    expect(api().starter.mails).toEqual([{ input: { jobId: id, round: 2 }, workspaceId: 'one' }]);
    const { rows } = await query('SELECT asked_by FROM mail_rounds WHERE job_id = $1', [id]);
    expect(rows).toEqual([{ asked_by: api().keyIds[role] }]);
  },
);

test('notify sends the first mail of a job that never had a mail', async () => {
  const id = await addJob('cancelled');
  expect((await notify(id)).status).toBe(202);
  expect(rounds()).toEqual([1]);
});

test('notify is refused for a job that has not ended', async () => {
  for (const state of ['queued', 'running']) {
    const id = await addJob(state);
    const answer = await notify(id);
    const body = { detail: expect.stringContaining(state), data: { jobId: id } };
    expect(answer).toMatchObject({ status: 409, body });
  }
  expect(api().starter.mails).toEqual([]);
});

test('notify does not find a job of another workspace, and refuses a malformed id or an unknown parameter', async () => {
  const id = await addJob();
  expect((await notify(id, { key: api().keys.two })).status).toBe(404);
  expect((await notify(uuidv7())).status).toBe(404);
  expect((await notify('x')).status).toBe(400);
  expect((await api().call('POST', `/v1/jobs/${id}/notify?to=eve`)).status).toBe(400);
  expect(api().starter.mails).toEqual([]);
});

test('a double click sends one mail, also if that mail was accepted meanwhile', async () => {
  const id = await addJob();
  await addMail(id, 1, ACCEPTED);
  await Promise.all([notify(id), notify(id), notify(id)]);
  expect(new Set(rounds())).toEqual(new Set([2]));
  await addMail(id, 2, ACCEPTED);
  const answer = await notify(id);
  expect(answer.status).toBe(202);
  expect(answer.body.mail).toHaveLength(2);
  expect(new Set(rounds())).toEqual(new Set([2]));
});

test('a second request after 30 seconds sends another mail', async () => {
  const id = await addJob();
  await addMail(id, 1, ACCEPTED);
  await notify(id);
  await addMail(id, 2, ACCEPTED);
  await query(`UPDATE mail_rounds SET created_at = now() - interval '31 seconds'`);
  await notify(id);
  expect(rounds()).toEqual([2, 3]);
});

test('a refused or abandoned mail is sent again at once', async () => {
  const refused = await addJob();
  await addMail(refused, 1, ACCEPTED);
  await notify(refused);
  await addMail(refused, 2, { refused_at: 'now()', reason: `'validation_error, status 422'` });
  await notify(refused);
  const givenUp = await addJob();
  await addMail(givenUp, 1, { begun_at: `now() - interval '25 hours'` });
  expect((await mailOf(givenUp))[0].state).toBe('givenUp');
  await notify(givenUp);
  expect(rounds()).toEqual([2, 3, 2]);
});

test('a request for a waiting mail starts the same mail again, and no new mail', async () => {
  const id = await addJob();
  await addMail(id, 1, { reason: `'internal_server_error, status 500'` });
  const answer = await notify(id);
  expect(answer.body.mail).toMatchObject([{ round: 1, state: 'waiting' }]);
  expect(rounds()).toEqual([1]);
});

test('the same idempotency key never sends a second mail, and is refused for another request', async () => {
  const id = await addJob();
  await addMail(id, 1, ACCEPTED);
  const headers = { 'idempotency-key': 'click-1' };
  await notify(id, { headers });
  await addMail(id, 2, ACCEPTED);
  await query(`UPDATE mail_rounds SET created_at = now() - interval '1 hour'`);
  const answer = await notify(id, { headers });
  expect(answer).toMatchObject({ status: 202, body: { mail: [{ round: 1 }, { round: 2 }] } });
  await notify(id, { headers: { 'idempotency-key': 'click-2' } });
  expect(rounds()).toEqual([2, 2, 3]);
  await query(`UPDATE mail_rounds SET request_hash = 'other' WHERE idempotency_key = 'click-1'`);
  const reused = await notify(id, { headers });
  expect(reused).toMatchObject({
    status: 422,
    body: { type: expect.stringContaining('idempotency-key-reused') },
  });
});

test('a request while Temporal is away is stored, and the same request starts the mail later', async () => {
  const id = await addJob();
  await addMail(id, 1, ACCEPTED);
  api().starter.isAway = true;
  expect((await notify(id)).status).toBe(503);
  expect(await mailOf(id)).toMatchObject([{ round: 1 }, { round: 2, state: 'waiting' }]);
  api().starter.isAway = false;
  expect((await notify(id)).status).toBe(202);
  expect(rounds()).toEqual([2]);
});

test('a round that is not started within a day is abandoned, and another round can be requested', async () => {
  const id = await addJob();
  await notify(id);
  await query(`UPDATE mail_rounds SET created_at = now() - interval '25 hours'`);
  expect(await mailOf(id)).toMatchObject([{ round: 1, state: 'givenUp', attempts: 0 }]);
  await notify(id);
  expect(rounds()).toEqual([1, 2]);
});

test('a mail is sent at most 20 times', async () => {
  const id = await addJob();
  await addMail(id, 20, ACCEPTED);
  const answer = await notify(id);
  expect(answer).toMatchObject({ status: 409, body: { detail: expect.stringContaining('20') } });
  expect(api().starter.mails).toEqual([]);
});

const REQUESTS = '/v1/delete-all-requests';

const ask = async (): Promise<string> => {
  await query(`UPDATE delete_all_requests SET finished_at = now(),
                state = CASE state WHEN 'running' THEN 'cancelled' ELSE 'withdrawn' END
                WHERE finished_at IS NULL`);
  const answer = await api().call('POST', REQUESTS, { body: { reason: 'the contract has ended' } });
  expect(answer.status).toBe(201);
  return answer.body.id;
};

const addRequestMail = (id: string, person: string, columns: Record<string, string>, round = 1) =>
  query(
    `INSERT INTO request_notices (id, request_id, kind, person, round, attempts, ${Object.keys(columns).join(', ')})
     VALUES (gen_random_uuid(), $1, 'asked', $2, $3, 1, ${Object.values(columns).join(', ')})`,
    [id, person, round],
  );

test('a request lists its mails with the key of each recipient, and without an address', async () => {
  const id = await ask();
  await addRequestMail(id, 'pia@keys.example', ACCEPTED);
  await addRequestMail(id, 'ada@keys.example', {
    refused_at: 'now()',
    reason: `'validation_error, status 422'`,
  });
  const { body, text } = await api().call('GET', `${REQUESTS}/${id}`);
  expect(body.mail).toHaveLength(2);
  expect(body.mail).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ state: 'accepted', keyId: api().shownIds.platform }),
      expect.objectContaining({ kind: 'asked', state: 'refused', keyId: api().shownIds.one }),
    ]),
  );
  expect(text).not.toContain('@');
});

test('the mails of the current state of a request are sent again, once for a double click', async () => {
  const id = await ask();
  await addRequestMail(id, 'pia@keys.example', ACCEPTED);
  const answers = await Promise.all(
    [1, 2].map(() => api().call('POST', `${REQUESTS}/${id}/notify`, { key: api().keys.ops })),
  );
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  const mail = { input: { requestId: id, kind: 'asked', round: 2 }, workspaceId: 'one' };
  expect(api().starter.mails).toEqual([mail, mail]);
  const { body } = await api().call('GET', `${REQUESTS}/${id}`);
  expect(body.mail).toMatchObject([
    { round: 1, state: 'accepted' },
    { round: 2, state: 'waiting', keyId: null },
  ]);
  // Some mails are accepted and others wait: the round is still the same.
  await addRequestMail(id, 'pia@keys.example', ACCEPTED, 2);
  await addRequestMail(id, 'ada@keys.example', { reason: `'no answer'` }, 2);
  await api().call('POST', `${REQUESTS}/${id}/notify`);
  expect(rounds()).toEqual([2, 2, 2]);
});

test('notify is refused for a running request, and does not find a request of another workspace', async () => {
  const id = await ask();
  const foreign = { key: api().keys.two };
  expect((await api().call('POST', `${REQUESTS}/${id}/notify`, foreign)).status).toBe(404);
  const approve = { key: api().keys.platform };
  expect((await api().call('POST', `${REQUESTS}/${id}/approve`, approve)).status).toBe(200);
  const jobId = await addJob('running');
  await query(`UPDATE delete_all_requests SET state = 'running', job_id = $2 WHERE id = $1`, [
    id,
    jobId,
  ]);
  expect(await api().call('POST', `${REQUESTS}/${id}/notify`)).toMatchObject({
    status: 409,
    body: { type: '/problems/wrong-state', data: { requestId: id, jobId } },
  });
  expect(api().starter.mails).toEqual([]);
});
