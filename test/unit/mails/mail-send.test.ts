import type { ApplicationFailure } from '@temporalio/common';
import { Resend } from 'resend';
import { afterEach, expect, test } from 'vitest';
import { mailFailureOf } from '../../../activities/mails/try-mail.ts';
import { type Sent, sendMail } from '../../../mail/send.ts';
import {
  accepted,
  acceptedThenReset,
  cut,
  html,
  json,
  noAnswer,
  startMailProvider,
  startOfAnswer,
  type Answer,
} from '../../support/http/mail-provider.ts';
import { PATIENCE_MS } from '../../support/patience.ts';

const MESSAGE = { subject: 'Subject', html: '<p>Hello</p>', text: 'Hello' };
const ADDRESS = 'ada@keys.example';

let stop = async () => {};
afterEach(() => stop());

const startProvider = async (...answers: Answer[]) => {
  const provider = await startMailProvider(...answers);
  stop = provider.stop;
  return { mailer: new Resend('re_test', { baseUrl: provider.url }), seen: provider.seen };
};

const refusal = (statusCode: number, name: string, headers: Record<string, string> = {}) =>
  json(statusCode, { statusCode, name, message: `no: ${ADDRESS}` }, headers);

const send = (mailer: Resend, deadlineMs = PATIENCE_MS) =>
  sendMail(mailer, MESSAGE, {
    to: ADDRESS,
    from: 'Keepsake <keepsake@example.com>',
    idempotencyKey: 'job-1/finished',
    deadlineMs,
  });

const ACCEPTED: Sent = { state: 'accepted', providerId: 'mail-1' };

/** The failure with which an activity ends. */
const failureOf = async (sending: Promise<Sent>): Promise<ApplicationFailure> => {
  const failure = mailFailureOf(await sending);
  if (failure === undefined) throw new Error('it was accepted');
  return failure;
};

test('an accepted mail returns its id, and is sent with key, address and both texts', async () => {
  const { mailer, seen } = await startProvider(accepted);
  expect(await send(mailer)).toEqual(ACCEPTED);
  expect(seen[0]?.key).toBe('job-1/finished');
  expect(JSON.parse(seen[0]!.body)).toMatchObject({ to: ADDRESS, ...MESSAGE });
});

test('after a 429, the same mail is sent with the same key and body, and is accepted', async () => {
  const { mailer, seen } = await startProvider(
    refusal(429, 'rate_limit_exceeded', { 'retry-after': '7' }),
    accepted,
  );
  const failure = await failureOf(send(mailer));
  expect(failure.type).toBe('MailUnavailable');
  expect(failure.nonRetryable).toBeFalsy();
  expect(failure.nextRetryDelay).toBe(7_000);
  expect(await send(mailer)).toEqual(ACCEPTED);
  expect(seen[1]?.key).toBe(seen[0]?.key);
  expect(seen[1]?.body).toBe(seen[0]?.body);
});

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
  ['a reset in mid-answer', acceptedThenReset],
  ['a 429 of a quota', refusal(429, 'daily_quota_exceeded')],
  ['another try under way', refusal(409, 'concurrent_idempotent_requests')],
])('%s is tried again', async (_name, answer) => {
  const { mailer } = await startProvider(answer, accepted);
  const failure = await failureOf(send(mailer));
  expect(failure.type).toBe('MailUnavailable');
  expect(failure.nonRetryable).toBeFalsy();
  expect(failure.message).not.toContain(ADDRESS);
  expect(await send(mailer)).toEqual(ACCEPTED);
});

test.each<[number, string]>([
  [400, 'invalid_idempotency_key'],
  [401, 'missing_api_key'],
  [403, 'invalid_api_key'],
  [422, 'validation_error'],
  [451, 'security_error'],
])('a %i %s is final, and its error has no address', async (status, name) => {
  const { mailer } = await startProvider(refusal(status, name));
  const failure = await failureOf(send(mailer));
  expect(failure.type).toBe('MailRefused');
  expect(failure.nonRetryable).toBe(true);
  expect(failure.message).toContain(name);
  expect(failure.message).not.toContain(ADDRESS);
});

test.each<[string, Answer]>([
  ['no answer', noAnswer],
  ['an answer that never ends', startOfAnswer],
])('%s is abandoned at the deadline and tried again', async (_name, answer) => {
  const { mailer } = await startProvider(answer);
  const failure = await failureOf(send(mailer, 200));
  expect(failure.type).toBe('MailUnavailable');
  expect(failure.message).toContain('200 ms');
});

test.each([
  ['3', 3_000],
  ['99999999', 3_600_000],
  ['soon', undefined],
  ['-1', undefined],
  ['Tue, 24 Nov 2020 10:00:00 GMT', undefined],
])('Retry-After %j is read as %j ms', async (value, expected) => {
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

test('a key that the provider knows with another body counts as accepted by an earlier try', async () => {
  const { mailer } = await startProvider(refusal(409, 'invalid_idempotent_request'));
  expect(await send(mailer)).toEqual({ state: 'accepted', providerId: null });
});

test('a mail with another try in progress waits, and the next try finds it accepted', async () => {
  const { mailer } = await startProvider(
    refusal(409, 'concurrent_idempotent_requests'),
    refusal(409, 'invalid_idempotent_request'),
  );
  expect(await send(mailer)).toEqual({
    state: 'waiting',
    reason: 'concurrent_idempotent_requests, status 409',
    isLimited: false,
  });
  expect(await send(mailer)).toMatchObject({ state: 'accepted' });
});

test('a 429 reports that the provider limits mails, and a 503 does not', async () => {
  const { mailer } = await startProvider(refusal(429, 'rate_limit_exceeded'), html(503));
  expect(await send(mailer)).toMatchObject({ isLimited: true });
  expect(await send(mailer)).toMatchObject({ isLimited: false });
});

test('an unknown error name of an answer is not repeated', async () => {
  const { mailer } = await startProvider(refusal(422, `no such address: ${ADDRESS}`));
  expect(await send(mailer)).toEqual({ state: 'refused', reason: 'unknown, status 422' });
});
