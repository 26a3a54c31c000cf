import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Resend } from 'resend';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OutboxMail } from '../../local/outbox/outbox-mails.ts';
import { startOutbox, type Outbox } from '../../local/outbox/outbox.ts';

const API_KEY = 're_test_key';
const MAIL = {
  from: 'Keepsake <keepsake@example.com>',
  to: 'ada@example.com',
  subject: 'Your export <is> ready',
  html: '<p>Get it <a href="http://127.0.0.1:8080/d/x">here</a></p><script>alert(1)</script>',
  text: 'Get it here',
  headers: { 'X-Keepsake-Job': 'job-1' },
};

let dataDir: string;
let outbox: Outbox;

const start = () => startOutbox({ dataDir, port: 0, apiKey: API_KEY });
const send = (mail: object, idempotencyKey?: string, apiKey = API_KEY) =>
  new Resend(apiKey, { baseUrl: outbox.url }).emails.send(
    mail as Parameters<Resend['emails']['send']>[0],
    idempotencyKey === undefined ? {} : { idempotencyKey },
  );
const listMails = async () => (await (await fetch(`${outbox.url}/emails`)).json()) as OutboxMail[];

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'keepsake-outbox-'));
  outbox = await start();
});

afterEach(async () => {
  await outbox.stop();
  rmSync(dataDir, { recursive: true });
});

test('a mail from the real SDK is listed as it was sent', async () => {
  const { data, error } = await send(MAIL, 'mail/1');
  expect(error).toBeNull();
  expect(await listMails()).toEqual([
    {
      ...MAIL,
      id: data?.id,
      to: ['ada@example.com'],
      idempotencyKey: 'mail/1',
      receivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    },
  ]);
});

test('the same key with the same payload returns the same id and stores one mail', async () => {
  const [first, second] = await Promise.all([send(MAIL, 'mail/1'), send(MAIL, 'mail/1')]);
  const third = await send(MAIL, 'mail/1');
  expect(second.data?.id).toBe(first.data?.id);
  expect(third.data?.id).toBe(first.data?.id);
  expect(await listMails()).toHaveLength(1);
});

test('the same key with another payload is a conflict in the form of Resend', async () => {
  await send(MAIL, 'mail/1');
  const { data, error } = await send({ ...MAIL, subject: 'Another' }, 'mail/1');
  expect(data).toBeNull();
  expect(error).toMatchObject({ statusCode: 409, name: 'invalid_idempotent_request' });
  expect(await listMails()).toHaveLength(1);
});

test('mails and their keys survive a restart, and a line truncated by a crash does no harm', async () => {
  const { data } = await send(MAIL, 'mail/1');
  await send({ ...MAIL, to: ['ada@example.com', 'bo@example.com'] });
  await outbox.stop();
  appendFileSync(join(dataDir, 'outbox.jsonl'), '{"mail":{"id":"torn');
  outbox = await start();
  expect((await listMails()).map((mail) => mail.to)).toEqual([
    ['ada@example.com'],
    ['ada@example.com', 'bo@example.com'],
  ]);
  expect((await send(MAIL, 'mail/1')).data?.id).toBe(data?.id);
  await send({ ...MAIL, subject: 'After the torn line' });
  await outbox.stop();
  outbox = await start();
  expect((await listMails()).at(-1)?.subject).toBe('After the torn line');
  expect(statSync(join(dataDir, 'outbox.jsonl')).mode & 0o777).toBe(0o600);
});

test('a wrong key and a mail without a subject are refused', async () => {
  expect((await send(MAIL, undefined, 're_other')).error).toMatchObject({ statusCode: 403 });
  const { error } = await send({ ...MAIL, subject: '' });
  expect(error).toMatchObject({ statusCode: 422, name: 'validation_error' });
  expect(await listMails()).toEqual([]);
});

test('a mail beyond the size limit is refused before its body is read', async () => {
  const { error } = await send({ ...MAIL, html: 'x'.repeat(6 * 1024 * 1024) });
  expect(error).toMatchObject({ statusCode: 413 });
  // Only the head of this request is sent, so an answer shows that the body is not awaited.
  const headers = {
    authorization: `Bearer ${API_KEY}`,
    'content-type': 'application/json',
    'content-length': 6 * 1024 * 1024,
  };
  const status = await new Promise((resolve, reject) => {
    const sending = request(`${outbox.url}/emails`, { method: 'POST', headers }, (response) => {
      resolve(response.statusCode);
      sending.destroy();
    });
    sending.on('error', reject).flushHeaders();
  });
  expect(status).toBe(413);
  expect(await listMails()).toEqual([]);
});

test('the page escapes each text of a mail, and shows its HTML in a sandbox without scripts', async () => {
  await send(MAIL);
  const { html: _html, ...plain } = MAIL;
  await send({ ...plain, to: '<b>ada</b>@example.com', text: '</pre><img src=x> & more' });
  const response = await fetch(outbox.url);
  const page = await response.text();
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(page).toContain('Your export &lt;is&gt; ready');
  expect(page).toContain('to &lt;b&gt;ada&lt;/b&gt;@example.com');
  expect(page).toContain('&lt;/pre&gt;&lt;img src=x&gt; &amp; more');
  expect(page).toContain('srcdoc="&lt;base target=&quot;_blank&quot;&gt;&lt;p&gt;Get it');
  expect(page).not.toMatch(/<(?:script|img|b|a)\b/);
  expect(page).toMatch(/<iframe [^>]*sandbox="allow-popups allow-popups-to-escape-sandbox"/);
});

const coloursOf = (rule: string) => [...rule.split('}', 1)[0]!.matchAll(/--(\w+): (#\w+)/g)];

test('the page has a dark theme, fits a narrow screen, and shows each mail on white', async () => {
  await send(MAIL);
  const page = await (await fetch(outbox.url)).text();
  expect(page).toContain('content="width=device-width,initial-scale=1"');
  const style = /<style>([^]*?)<\/style>/.exec(page)?.[1] ?? '';
  const [light = '', dark = ''] = style.split('@media (prefers-color-scheme: dark) {');
  const [inLight, inDark] = [light, dark].map(coloursOf);
  expect(inLight?.length).toBeGreaterThan(4);
  expect(inDark?.map(([, name]) => name)).toEqual(inLight?.map(([, name]) => name));
  for (const [index, [, name, colour]] of (inDark ?? []).entries()) {
    expect({ name, isOther: colour !== inLight?.[index]?.[2] }).toEqual({ name, isOther: true });
  }
  expect(style).toMatch(/iframe \{[^}]*background: #fff;[^}]*color-scheme: light/);
  expect(style).toContain('@media (max-width: 40rem)');
  expect(style).not.toMatch(/\b(?:width|height): \d{3,}px/);
});

test('a request with the host name of another site gets no mails', async () => {
  const status = await new Promise((resolve, reject) => {
    const options = { headers: { host: 'evil.example' } };
    request(`${outbox.url}/emails`, options, (response) => resolve(response.statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(403);
});
