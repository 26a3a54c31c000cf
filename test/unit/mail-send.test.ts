import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import { Resend } from 'resend';
import { afterEach, expect, test } from 'vitest';
import { sendMail } from '../../mail/send.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Seen {
  key: string | undefined;
  body: string;
}

const MESSAGE = { subject: 'Subject', html: '<p>Hello</p>', text: 'Hello' };
const ADDRESS = 'ada@keys.example';

let stop = async () => {};
afterEach(() => stop());

/** A server that speaks Resend's API: each request gets the next answer, the last one for good. */
const startProvider = async (...answers: Answer[]) => {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      seen.push({ key: request.headers['idempotency-key'] as string | undefined, body });
      answers[Math.min(seen.length, answers.length) - 1]?.(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const { port } = server.address() as AddressInfo;
  const mailer = new Resend('re_test', { baseUrl: `http://127.0.0.1:${port}` });
  return { mailer, seen };
};

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };

const refusal = (statusCode: number, name: string, headers: Record<string, string> = {}) =>
  json(statusCode, { statusCode, name, message: `no: ${ADDRESS}` }, headers);

const html =
  (status: number): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/html' });
    response.end('<html>Bad gateway</html>');
  };

const accepted = json(200, { id: 'mail-1' });

const send = (mailer: Resend, deadlineMs = 2_000) =>
  sendMail(mailer, MESSAGE, {
    to: ADDRESS,
    from: 'Keepsake <keepsake@example.com>',
    idempotencyKey: 'job-1/finished',
    deadlineMs,
  });

const failureOf = async (sending: Promise<unknown>): Promise<ApplicationFailure> => {
  const error = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApplicationFailure)) throw new Error(`not a failure: ${String(error)}`);
  return error;
};

test('an accepted mail answers with its id, and carries key, addresses and both texts', async () => {
  const { mailer, seen } = await startProvider(accepted);
  expect(await send(mailer)).toBe('mail-1');
  expect(seen[0]?.key).toBe('job-1/finished');
  expect(JSON.parse(seen[0]!.body)).toMatchObject({ to: ADDRESS, ...MESSAGE });
});

test('after a 429 the same mail is accepted under the same key, with an identical payload', async () => {
  const { mailer, seen } = await startProvider(
    refusal(429, 'rate_limit_exceeded', { 'retry-after': '7' }),
    accepted,
  );
  const failure = await failureOf(send(mailer));
  expect(failure.type).toBe('MailUnavailable');
  expect(failure.nonRetryable).toBeFalsy();
  expect(failure.nextRetryDelay).toBe(7_000);
  expect(await send(mailer)).toBe('mail-1');
  expect(seen[1]).toEqual(seen[0]);
});

const cut: Answer = (request) => request.socket.destroy();
const resetInBody: Answer = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
  response.write('{"id":');
  setTimeout(() => request.socket.resetAndDestroy(), 20);
};

test.each<[string, Answer]>([
  ['500', refusal(500, 'internal_server_error')],
  ['a JSON 502 of a proxy', json(502, { error: 'bad gateway' })],
  ['an HTML 503', html(503)],
  ['an HTML 403 of a proxy', html(403)],
  ['an HTML page with status 200', html(200)],
  ['JSON without an id', json(200, { ok: true })],
  ['JSON null', json(200, null)],
  ['a JSON null with status 500', json(500, null)],
  ['a closed connection', cut],
  ['a reset in mid-answer', resetInBody],
  ['a 429 of a quota', refusal(429, 'daily_quota_exceeded')],
  ['another try under way', refusal(409, 'concurrent_idempotent_requests')],
])('%s is tried again', async (_name, answer) => {
  const { mailer } = await startProvider(answer, accepted);
  const failure = await failureOf(send(mailer));
  expect(failure.type).toBe('MailUnavailable');
  expect(failure.nonRetryable).toBeFalsy();
  expect(failure.message).not.toContain(ADDRESS);
  expect(await send(mailer)).toBe('mail-1');
});

test.each<[number, string]>([
  [400, 'invalid_idempotency_key'],
  [401, 'missing_api_key'],
  [403, 'invalid_api_key'],
  [409, 'invalid_idempotent_request'],
  [422, 'validation_error'],
  [451, 'security_error'],
])('a %i %s is final, and quotes no address', async (status, name) => {
  const { mailer } = await startProvider(refusal(status, name));
  const failure = await failureOf(send(mailer));
  expect(failure.type).toBe('MailRefused');
  expect(failure.nonRetryable).toBe(true);
  expect(failure.message).toContain(name);
  expect(failure.message).not.toContain(ADDRESS);
});

const startAnswer: Answer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"id":');
};

test.each<[string, Answer]>([
  ['no answer', () => {}],
  ['an answer that never ends', startAnswer],
])('%s is given up at the deadline, and tried again', async (_name, answer) => {
  const { mailer } = await startProvider(answer);
  const begun = Date.now();
  const failure = await failureOf(send(mailer, 200));
  expect(Date.now() - begun).toBeLessThan(2_000);
  expect(failure.type).toBe('MailUnavailable');
  expect(failure.message).toContain('200 ms');
});

test.each([
  ['3', 3_000],
  ['99999999', 3_600_000],
  ['soon', undefined],
  ['-1', undefined],
  ['Tue, 24 Nov 2020 10:00:00 GMT', undefined],
])('Retry-After %j waits %j ms', async (value, expected) => {
  const headers = { 'retry-after': value };
  const { mailer } = await startProvider(refusal(429, 'rate_limit_exceeded', headers));
  expect((await failureOf(send(mailer))).nextRetryDelay).toBe(expected);
});

test('a provider that cannot be reached is tried again', async () => {
  const { mailer } = await startProvider(accepted);
  await stop();
  stop = async () => {};
  expect((await failureOf(send(mailer))).type).toBe('MailUnavailable');
});
