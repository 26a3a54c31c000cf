import { afterEach, expect, test, vi } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createLinkToken } from '../../../files/link-token.ts';
import { LINK_SECRET, useFileApi } from './downloads-support.ts';

const api = useFileApi();
const HOUR_MS = 3_600_000;

afterEach(() => {
  vi.useRealTimers();
});

/** Makes a link to a new export; returns the link with the path of its page. */
const makeLink = async (body: object = {}) => {
  const file = await api().addExport();
  const answer = await api().call('POST', `/v1/exports/${file.jobId}/links`, {}, body);
  expect(answer.status).toBe(201);
  const link = answer.json() as { id: string; url: string; expiresAt: string };
  return { ...link, file, path: new URL(link.url).pathname };
};

/** Sends a request without a key. */
const visit = (path: string, headers: Record<string, string> = {}) =>
  api().call('GET', path, { authorization: '', ...headers });

const endAt = (linkId: string, at: Date) =>
  api()
    .database.owner.db.updateTable('download_links')
    .set({ expires_at: at })
    .where('id', '=', linkId)
    .execute();

test('a link opens a page that describes the file and links to it', async () => {
  const { path, file, url } = await makeLink();
  expect(url).toMatch(/^http:\/\/keepsake\.example\/d\/[A-Za-z0-9_-]{65}$/);
  const page = await visit(path);
  expect(page.status).toBe(200);
  const html = page.bytes.toString();
  expect(html).toContain('Demo &lt;b&gt;&amp;');
  expect(html).not.toContain('<b>');
  expect(html).toContain(file.sha256);
  expect(html).toContain(`<a href="${path.slice('/d/'.length)}/file" download`);
  expect(html).not.toContain('<script');
  const answer = await visit(`${path}/file`);
  expect(answer.status).toBe(200);
  expect(answer.bytes).toEqual(file.content);
});

test('pages and files by link send headers against referrers, caches and search engines', async () => {
  const { path } = await makeLink();
  const page = await visit(path);
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'referrer-policy': 'no-referrer',
    'x-robots-tag': 'noindex, nofollow',
    'cache-control': 'no-store',
  });
  expect(page.headers['content-security-policy']).toMatch(
    /^default-src 'none'; style-src 'sha256-/,
  );
  const file = await visit(`${path}/file`);
  expect(file.headers['referrer-policy']).toBe('no-referrer');
  expect(file.headers['cache-control']).toMatch(/no-store/);
});

test('a view of the page does not count as a download, and each request of the file does', async () => {
  const { path, id } = await makeLink();
  const before = (await api().downloads()).length;
  for (let look = 0; look < 3; look++) expect((await visit(path)).status).toBe(200);
  expect(await api().downloads()).toHaveLength(before);
  await visit(`${path}/file`);
  expect((await visit(`${path}/file`, { range: 'bytes=5-9' })).status).toBe(206);
  expect((await api().downloads()).slice(before)).toMatchObject([
    { reason: `link ${id}`, key: null, counts: { from: 0 } },
    { reason: `link ${id}`, key: null, counts: { from: 5, bytes: 5 } },
  ]);
});

test('HEAD for page and file answers like GET, without a body', async () => {
  const { path, file } = await makeLink();
  for (const url of [path, `${path}/file`]) {
    const answer = await api().call('HEAD', url, { authorization: '' });
    expect(answer.status).toBe(200);
    expect(answer.bytes).toHaveLength(0);
  }
  const head = await api().call('HEAD', `${path}/file`, { authorization: '' });
  expect(head.headers['content-length']).toBe(String(file.content.length));
});

test('a forged, truncated, extended, foreign or malformed token is not found', async () => {
  const { path, id } = await makeLink();
  const token = path.slice('/d/'.length);
  const last = token.endsWith('A') ? 'B' : 'A';
  const otherSecret = createLinkToken(id, 'another secret of sufficient length!');
  const tokens = [
    token.slice(0, -1) + last,
    `${token.slice(0, 22)}${'A'.repeat(43)}`,
    token.slice(0, -1),
    token.slice(0, 22),
    `${token}A`,
    `${token}=`,
    otherSecret,
    createLinkToken(uuidv7(), LINK_SECRET),
    // Another encoding of the same id: the last of its 22 characters carries only two bits.
    token.slice(0, 21) + nextOf(token[21]!) + token.slice(22),
    id,
    '..%2f..%2fetc%2fpasswd',
    '%00',
    'a'.repeat(3_000),
  ];
  for (const wrong of tokens) {
    for (const url of [`/d/${wrong}`, `/d/${wrong}/file`]) {
      const answer = await visit(url);
      expect([url, answer.status]).toEqual([url, wrong === '%00' ? answer.status : 404]);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(answer.headers['content-disposition']).toBeUndefined();
    }
  }
});

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const nextOf = (character: string) => ALPHABET[(ALPHABET.indexOf(character) + 1) % 64]!;

test.each(['/d/', '/d', '/d/../v1/me', '/d/x/file/../../v1/me', '/d/x/other', '/d//file'])(
  'the path %s leads to no file',
  async (path) => {
    const { status } = await visit(path);
    expect([401, 404]).toContain(status);
  },
);

test('a link works until its expiry, and answers 410 after it', async () => {
  const { path, id } = await makeLink();
  await endAt(id, new Date(Date.now() + 60_000));
  expect((await visit(`${path}/file`)).status).toBe(200);
  await endAt(id, new Date(Date.now() - 1_000));
  expect((await visit(path)).status).toBe(410);
  const answer = await visit(`${path}/file`);
  expect(answer.status).toBe(410);
  expect(answer.bytes.toString()).toContain('This link has ended');
});

test('a wrong clock of the API changes the expiry of neither a link nor a file', async () => {
  const living = await makeLink();
  const over = await makeLink();
  await endAt(over.id, new Date(Date.now() - 1_000));
  const expired = await api().addExport({ expiresAt: new Date(Date.now() - 1_000) });
  const statuses = async () => [
    (await visit(living.path)).status,
    (await api().call('GET', `/v1/exports/${living.file.jobId}/file`)).status,
    (await visit(over.path)).status,
    (await api().call('GET', `/v1/exports/${expired.jobId}/file`)).status,
  ];
  for (const days of [31, -31]) {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * 24 * HOUR_MS });
    expect(await statuses()).toEqual([200, 200, 410, 410]);
    vi.useRealTimers();
  }
});

test('a link to a removed, expired or damaged file has ended', async () => {
  for (const change of [
    { state: 'removed' as const, removed_at: new Date() },
    { state: 'damaged' as const },
    { expires_at: new Date(Date.now() - 1) },
  ]) {
    const { path, file } = await makeLink();
    await api()
      .database.owner.db.updateTable('exports')
      .set(change)
      .where('id', '=', file.id)
      .execute();
    expect((await visit(path)).status).toBe(410);
    expect((await visit(`${path}/file`)).status).toBe(410);
  }
});

test('a revoked link ends at once, and a second revocation succeeds and is not logged again', async () => {
  const { path, id, file } = await makeLink();
  const url = `/v1/exports/${file.jobId}/links/${id}`;
  expect((await api().call('DELETE', url)).status).toBe(204);
  expect((await api().call('DELETE', url)).status).toBe(204);
  expect((await visit(path)).status).toBe(410);
  expect((await visit(`${path}/file`)).status).toBe(410);
  const activity = await api()
    .database.owner.db.selectFrom('activity')
    .select('kind')
    .where('export_id', '=', file.id)
    .where('kind', 'like', 'link%')
    .orderBy('id')
    .execute();
  expect(activity.map(({ kind }) => kind)).toEqual(['linkCreated', 'linkRevoked']);
  const list = (await api().call('GET', `/v1/exports/${file.jobId}/links`)).json();
  expect(list['data']).toMatchObject([{ id, revokedAt: expect.any(String) }]);
});

test('the links of a backup are made, listed and revoked under the path of the backup', async () => {
  const backup = await api().addExport({ purpose: 'backup' });
  const links = `/v1/backups/${backup.id}/links`;
  const shown = (await api().call('GET', `/v1/backups/${backup.id}`)).json();
  expect(shown['links']).toMatchObject({ links });
  const made = (await api().call('POST', links, {}, {})).json() as { id: string; url: string };
  const { pathname } = new URL(made.url);
  expect((await visit(`${pathname}/file`)).bytes).toEqual(backup.content);
  expect((await api().call('GET', links)).json()['data']).toMatchObject([
    { id: made.id, revokedAt: null },
  ]);
  const asOther = { authorization: `Bearer ${api().keys.other.key}` };
  for (const wrong of [
    await api().call('DELETE', `${links}/${made.id}`, asOther),
    await api().call('DELETE', `/v1/exports/${backup.jobId}/links/${made.id}`),
    await api().call('GET', `/v1/backups/${backup.jobId}/links`),
  ]) {
    expect(wrong.status).toBe(404);
  }
  expect((await api().call('DELETE', `${links}/${made.id}`)).status).toBe(204);
  expect((await visit(pathname)).status).toBe(410);
  expect((await api().call('POST', links, {}, {})).status).toBe(201);
});

test("another workspace's admin can neither make, list nor revoke a link", async () => {
  const { path, id, file } = await makeLink();
  const other = { authorization: `Bearer ${api().keys.other.key}` };
  const links = `/v1/exports/${file.id}/links`;
  expect((await api().call('POST', links, other, {})).status).toBe(404);
  expect((await api().call('GET', links, other)).status).toBe(404);
  expect((await api().call('DELETE', `${links}/${id}`, other)).status).toBe(404);
  const unrelated = await api().addExport();
  const wrongFile = `/v1/exports/${unrelated.id}/links/${id}`;
  expect((await api().call('DELETE', wrongFile)).status).toBe(404);
  expect((await visit(path)).status).toBe(200);
});

test('a link expires after 7 days by default, and never later than its file', async () => {
  const hoursOf = (link: { expiresAt: string }) =>
    Math.round((Date.parse(link.expiresAt) - Date.now()) / HOUR_MS);
  expect(hoursOf(await makeLink())).toBe(168);
  expect(hoursOf(await makeLink({ expiresInHours: 3 }))).toBe(3);
  const expiresAt = new Date(Date.now() + 2 * HOUR_MS);
  const file = await api().addExport({ expiresAt });
  const answer = await api().call('POST', `/v1/exports/${file.id}/links`);
  expect(answer.json()['expiresAt']).toBe(expiresAt.toISOString());
});

test.each([
  { expiresInHours: 0 },
  { expiresInHours: 169 },
  { expiresInHours: 1.5 },
  { expiresInHours: '3' },
  { expiresInHours: null },
  { hours: 3 },
])('a link request with %j is refused as malformed', async (body) => {
  const file = await api().addExport();
  const answer = await api().call('POST', `/v1/exports/${file.id}/links`, {}, body);
  expect(answer.status).toBe(400);
  expect(answer.json()['errors']).toMatchObject([{ pointer: `/${Object.keys(body)[0]}` }]);
});

test('a JSON null body is refused, and a missing or empty body is accepted', async () => {
  const file = await api().addExport();
  const send = async (headers: Record<string, string>, payload?: string) => {
    const answer = await api().app.inject({
      method: 'POST',
      url: `/v1/exports/${file.id}/links`,
      headers: { authorization: `Bearer ${api().keys.demo.key}`, ...headers },
      ...(payload !== undefined && { payload }),
    });
    return answer.statusCode;
  };
  expect(await send({ 'content-type': 'application/json' }, 'null')).toBe(400);
  expect(await send({ 'content-type': 'application/json' }, '')).toBe(201);
  expect(await send({ 'content-type': 'application/json; charset=utf-8' }, '')).toBe(201);
  expect(await send({})).toBe(201);
});

test('no link is made to an unverified file, to a removed file, or to a backup under /v1/exports', async () => {
  const writing = await api().addExport({ state: 'writing' });
  const removed = await api().addExport({ state: 'removed' });
  const backup = await api().addExport({ purpose: 'backup' });
  const ask = async (id: string) =>
    (await api().call('POST', `/v1/exports/${id}/links`, {}, {})).status;
  expect(await ask(writing.id)).toBe(409);
  expect(await ask(removed.id)).toBe(410);
  expect(await ask(backup.id)).toBe(404);
});

test('a client that asks for JSON gets a problem, and a browser gets a page', async () => {
  const json = await visit('/d/none', { accept: 'application/json' });
  expect(json.status).toBe(404);
  expect(json.headers['content-type']).toMatch(/^application\/problem\+json/);
  const browser = await visit('/d/none', { accept: 'text/html,application/json;q=0.1' });
  expect(browser.headers['content-type']).toMatch(/^text\/html/);
  const { path, id } = await makeLink();
  await endAt(id, new Date(0));
  const ended = await visit(`${path}/file`, { accept: 'application/problem+json' });
  expect(ended.json()).toMatchObject({ status: 410, type: '/problems/link-expired' });
});

test('no token is logged', async () => {
  const { path } = await makeLink();
  await visit(path);
  await visit(`${path}/file`);
  await visit(`${path}x`);
  const token = path.slice('/d/'.length);
  expect(api().log.length).toBeGreaterThan(0);
  expect(api().log.join('')).not.toContain(token);
  expect(api().log.join('')).toContain('/d/:token/file');
});
