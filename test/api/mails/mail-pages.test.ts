import { afterEach, expect, test, vi } from 'vitest';
import { randomUUID } from 'node:crypto';
import { uuidv7 } from 'uuidv7';
import { createLinkToken } from '../../../files/link-token.ts';
import { createPageToken, type PagePurpose } from '../../../files/page-token.ts';
import { LINK_SECRET, useFileApi } from '../exports/downloads-support.ts';

/** The pages that mails link to: for people without a key, and for programs that follow links. */

const api = useFileApi();
const DAY_MS = 86_400_000;

afterEach(() => {
  vi.useRealTimers();
});

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

/** Adds an ended deletion with users of several outcomes, and its mail; returns both ids. */
const addJob = async (keyId = api().keys.demo.id) => {
  const jobId = uuidv7();
  const mailId = randomUUID();
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, reason, actor_key_id, started_at, finished_at,
                       counts, error_type, error_message)
     VALUES ($1, 'demo', 'deletion', 'partiallySucceeded', '{"type":"ids","count":3}', 'canary reason', $2, now(),
             now(), '{"selected": 1203, "deleted": 0, "changedSinceBackup": 2, "failed": 1201}', NULL, NULL)`,
    [jobId, keyId],
  );
  await query(
    `INSERT INTO outcomes VALUES ($1, 'canary-1', 'failed', 'constraint <b>orders'), ($1, 'canary-2', 'failed', 'locked'),
                                 ($1, 'canary-3', 'failed', 'locked'), ($1, 'canary-4', 'held', NULL)`,
    [jobId],
  );
  await query(`INSERT INTO notices (id, job_id, kind) VALUES ($1, $2, 'finished')`, [
    mailId,
    jobId,
  ]);
  return { jobId, mailId };
};

const pathOf = (purpose: PagePurpose, mailId: string, expiresAt = Date.now() + DAY_MS): string =>
  `/p/${createPageToken({ purpose, mailId, expiresAt: new Date(expiresAt) }, LINK_SECRET)}`;

/** Sends a request without a key. */
const visit = (
  path: string,
  headers: Record<string, string> = {},
  method: 'GET' | 'HEAD' = 'GET',
) => api().call(method, path, { authorization: '', ...headers });

test('a job page shows state, counts, reasons and times, and no user', async () => {
  const { jobId, mailId } = await addJob();
  const page = await visit(pathOf('job', mailId));
  expect(page.status).toBe(200);
  const html = page.bytes.toString();
  for (const said of [
    'Deletion of users of Demo &lt;b&gt;&amp;',
    '<dd>partially succeeded</dd>',
    '<dt>Selected</dt><dd>1,203</dd>',
    '<dt>Changed since backup</dt><dd>2</dd>',
    '<dt>locked</dt><dd>2</dd>',
    '<dt>constraint &lt;b&gt;orders</dt><dd>1</dd>',
    `<dd>${jobId}</dd>`,
    'UTC</dd>',
  ]) {
    expect(html).toContain(said);
  }
  expect(html).not.toMatch(/canary|<script|<b>/);
  expect(html).not.toContain('/log');
  expect(html.split('<body>')[1]).not.toContain('@');
});

test('the page of a failed job shows the error', async () => {
  const { jobId, mailId } = await addJob();
  await query(
    `UPDATE jobs SET state = 'failed', error_type = 'storageFull', error_message = 'Make <b>room' WHERE id = $1`,
    [jobId],
  );
  const html = (await visit(pathOf('job', mailId))).bytes.toString();
  expect(html).toContain('<dd>storageFull: Make &lt;b&gt;room</dd>');
});

test('the page of an import shows the rules that its lines violate', async () => {
  const { jobId, mailId } = await addJob();
  const fileId = uuidv7();
  await query(
    `INSERT INTO import_files (id, workspace_id, bytes, sha256, expires_at) VALUES ($1, 'demo', 1, 'x', now() + '1 day')`,
    [fileId],
  );
  await query(`UPDATE jobs SET type = 'import', import_file_id = $2 WHERE id = $1`, [
    jobId,
    fileId,
  ]);
  await query(`INSERT INTO import_problems VALUES ($1, 'email', 'invalidEmail', 1200, 7)`, [jobId]);
  const html = (await visit(pathOf('job', mailId))).bytes.toString();
  expect(html).toContain('<dt>email, invalidEmail</dt><dd>1,200, the first is line 7</dd>');
});

test('pages send headers against referrers, caches, search engines and scripts', async () => {
  const { mailId } = await addJob();
  const page = await visit(pathOf('job', mailId));
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'referrer-policy': 'no-referrer',
    'x-robots-tag': 'noindex, nofollow',
    'cache-control': 'no-store',
  });
  expect(page.headers['content-security-policy']).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  );
  const html = page.bytes.toString();
  expect(html).toContain('prefers-color-scheme:dark');
  expect(html).toContain('name="viewport"');
});

test('a log is downloaded by its own link, and each download is in the activity log', async () => {
  const { jobId, mailId } = await addJob();
  const path = pathOf('log', mailId);
  const page = await visit(path);
  const token = path.slice('/p/'.length);
  expect(page.bytes.toString()).toContain(`<a href="${token}/log" download rel="nofollow">`);
  expect(await downloadsOf(jobId)).toEqual([]);
  const log = await visit(`${path}/log`);
  expect(log.status).toBe(200);
  expect(log.headers['content-disposition']).toBe(`attachment; filename="deletion-${jobId}.csv"`);
  expect(log.headers['x-robots-tag']).toBe('noindex, nofollow');
  expect(log.bytes.toString()).toContain('canary-2,failed,locked');
  expect(await downloadsOf(jobId)).toEqual([
    { reason: `log by the link of mail ${mailId}`, actor_key_id: null },
  ]);
  for (const url of [path, `${path}/log`]) {
    const head = await visit(url, {}, 'HEAD');
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
  }
  expect(await downloadsOf(jobId)).toHaveLength(1);
});

const downloadsOf = async (jobId: string) =>
  (
    await query(
      `SELECT reason, actor_key_id FROM activity WHERE kind = 'download' AND job_id = $1`,
      [jobId],
    )
  ).rows;

test.each(['job', 'request'] as const)('a link to a %s does not open the log', async (purpose) => {
  const { jobId, mailId } = await addJob();
  expect((await visit(`${pathOf(purpose, mailId)}/log`)).status).toBe(404);
  expect(await downloadsOf(jobId)).toEqual([]);
});

test('a log that was erased with its backup answers 410, and its page does not link to the log', async () => {
  const { jobId, mailId } = await addJob();
  await query('UPDATE jobs SET erased_at = now() WHERE id = $1', [jobId]);
  const path = pathOf('log', mailId);
  expect((await visit(`${path}/log`)).status).toBe(410);
  const page = await visit(path);
  expect(page.status).toBe(200);
  expect(page.bytes.toString()).not.toContain('/log');
});

test('links end at their expiry by the clock of the database, and with the key that started the job', async () => {
  const { mailId } = await addJob();
  const over = pathOf('log', mailId, Date.now() - 2_000);
  const open = pathOf('log', mailId, Date.now() + 60_000);
  for (const days of [0, 31, -31]) {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * DAY_MS });
    for (const part of ['', '/log']) {
      expect((await visit(over + part)).status).toBe(410);
      expect((await visit(open + part)).status).toBe(200);
    }
    vi.useRealTimers();
  }
  expect((await visit(over)).bytes.toString()).toContain('This link has ended');
  const keyId = api().keys.other.id;
  const others = await addJob(keyId);
  const path = pathOf('log', others.mailId);
  expect((await visit(`${path}/log`)).status).toBe(200);
  for (const end of ['expires_at', 'revoked_at']) {
    await query(
      `UPDATE api_keys SET created_at = now() - interval '2 hours', ${end} = now() - interval '1 hour' WHERE id = $1`,
      [keyId],
    );
    for (const url of [path, `${path}/log`]) expect((await visit(url)).status).toBe(410);
    await query(`UPDATE api_keys SET ${end} = NULL WHERE id = $1`, [keyId]);
    expect((await visit(`${path}/log`)).status).toBe(200);
  }
});

test('forged, truncated and foreign tokens and download tokens answer 404, and programs get a problem', async () => {
  const { mailId, jobId } = await addJob();
  const token = pathOf('log', mailId).slice('/p/'.length);
  const tokens = [
    token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A'),
    token.slice(0, 28) + 'A'.repeat(43),
    token.slice(0, -1),
    `${token}A`,
    createPageToken(
      { purpose: 'log', mailId, expiresAt: new Date(Date.now() + DAY_MS) },
      'another secret of sufficient length!',
    ),
    pathOf('log', randomUUID()).slice('/p/'.length),
    pathOf('request', mailId).slice('/p/'.length),
    createLinkToken(mailId, LINK_SECRET),
    jobId,
    'a'.repeat(3_000),
  ];
  for (const wrong of tokens) {
    for (const url of [`/p/${wrong}`, `/p/${wrong}/log`]) {
      const answer = await visit(url);
      expect([url, answer.status]).toEqual([url, 404]);
      expect(answer.headers['content-disposition']).toBeUndefined();
    }
  }
  expect((await visit(`/d/${token}`)).status).toBe(404);
  const answer = await visit(`/p/${tokens[0]}`, { accept: 'application/json' });
  expect(answer).toMatchObject({ status: 404 });
  expect(answer.headers['content-type']).toContain('application/problem+json');
});

test('no token is logged', async () => {
  const { mailId } = await addJob();
  const path = pathOf('log', mailId);
  await visit(path);
  await visit(`${path}/log`);
  expect(api().log.join('')).not.toContain(path.slice('/p/'.length));
  expect(api().log.join('')).toContain('/p/:token/log');
});

const addRequest = async () => {
  const id = uuidv7();
  const mailId = randomUUID();
  await query(`DELETE FROM request_notices`);
  await query(`DELETE FROM delete_all_requests`);
  await query(
    `INSERT INTO delete_all_requests (id, workspace_id, requester_key_id, reason, ticket, users_then,
                                      asked_at, lapses_at)
     VALUES ($1, 'demo', $2, 'over & <i>out', 'T-1', 12431, now(), now() + interval '14 days')`,
    [id, api().keys.demo.id],
  );
  await query(
    `INSERT INTO request_notices (id, request_id, kind, person) VALUES ($1, $2, 'asked', 'X+1@keys.example')`,
    [mailId, id],
  );
  return { id, mailId };
};

const stateOf = async (id: string) =>
  (await query('SELECT state FROM delete_all_requests WHERE id = $1', [id])).rows[0].state;

test('the page of a request shows the requester, the reason and the commands, and changes nothing', async () => {
  const { id, mailId } = await addRequest();
  const path = pathOf('request', mailId);
  // A mail scanner requests the page in the same way.
  for (let look = 0; look < 3; look++) expect((await visit(path)).status).toBe(200);
  for (const method of ['POST', 'DELETE', 'PATCH'] as const) {
    const { status } = await api().call(method, path, { authorization: '' });
    expect([401, 404, 405]).toContain(status);
  }
  expect(await stateOf(id)).toBe('requested');
  const html = (await visit(path)).bytes.toString();
  for (const said of [
    'Delete all users of Demo &lt;b&gt;&amp;',
    '<dd>x (admin)</dd>',
    '<dd>12,431</dd>',
    '<dd>over &amp; &lt;i&gt;out</dd>',
    '<dd>T-1</dd>',
    'This page changes nothing.',
    `curl -X POST -H &quot;Authorization: Bearer $KEY&quot; http://keepsake.example/v1/delete-all-requests/${id}/approve`,
    `/v1/delete-all-requests/${id}/deny`,
    `/v1/delete-all-requests/${id}/withdraw`,
  ]) {
    expect(html).toContain(said);
  }
  expect(html).not.toMatch(/<i>|<script|<form/);
  expect(html.split('<body>')[1]).not.toContain('@');
});

test('the page of an ended request shows its state, and no commands', async () => {
  const { id, mailId } = await addRequest();
  await query(
    `UPDATE delete_all_requests SET state = 'denied', finished_at = now() WHERE id = $1`,
    [id],
  );
  const html = (await visit(pathOf('request', mailId))).bytes.toString();
  expect(html).toContain('<dd>denied</dd>');
  expect(html).not.toContain('curl');
});

test('a link to a request ends with the last key of the person that got the mail', async () => {
  const { mailId } = await addRequest();
  const path = pathOf('request', mailId);
  expect((await visit(path)).status).toBe(200);
  expect((await visit(pathOf('request', mailId, Date.now() - 2_000))).status).toBe(410);
  // A key of role ops gets no mails about requests.
  for (const end of ['expires_at', 'revoked_at']) {
    const set = (value: string) =>
      query(
        `UPDATE api_keys SET created_at = now() - interval '2 hours', ${end} = ${value}
          WHERE role = 'admin' AND workspace_id = 'demo'`,
      );
    await set(`now() - interval '1 hour'`);
    expect((await visit(path)).status).toBe(410);
    await set('NULL');
    expect((await visit(path)).status).toBe(200);
  }
});
