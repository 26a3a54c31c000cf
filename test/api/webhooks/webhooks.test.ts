import { expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { MAX_VALID_SECRETS, MAX_WEBHOOKS } from '../../../db/webhooks/webhooks.ts';
import { EVENT_TYPES } from '../../../workflows/contracts/deliveries.ts';
import { HOOK_URL, keyed, useWebhooks } from './webhooks-support.ts';

const SECRET = /^whsec_[A-Za-z0-9+/]{43}=$/;

const { api, sql, create } = useWebhooks();

test('a new webhook gets all event types by default, and shows its secret only in this answer', async () => {
  const { status, body, headers, id } = await create();
  expect(status).toBe(201);
  expect(headers['location']).toBe(`/v1/webhooks/${id}`);
  expect(body).toMatchObject({
    url: HOOK_URL,
    description: null,
    eventTypes: EVENT_TYPES,
    enabled: true,
    disabledReason: null,
    failingSince: null,
  });
  expect(body.secret).toMatch(SECRET);
  const one = await api().call('GET', `/v1/webhooks/${id}`);
  const list = await api().call('GET', '/v1/webhooks');
  expect(one.body).toMatchObject({ id, url: HOOK_URL });
  expect(list.body).toMatchObject({ data: [{ id }], nextCursor: null });
  for (const text of [one.text, list.text]) expect(text).not.toContain('whsec_');
});

test.each([
  [{ url: 'http://hooks.example.com/' }, '/url'],
  [{ url: 'https://localhost/' }, '/url'],
  [{ url: 'https://127.0.0.1/' }, '/url'],
  [{ url: 'https://[::ffff:10.0.0.1]/' }, '/url'],
  [{ url: 'https://169.254.169.254/latest' }, '/url'],
  [{ url: 'https://ada:pw@example.com/' }, '/url'],
  [{ url: 'not a url' }, '/url'],
  [{ url: 7 }, '/url'],
  [{ eventTypes: [] }, '/eventTypes'],
  [{ eventTypes: ['job.started'] }, '/eventTypes/0'],
  [{ eventTypes: ['job.failed', 'job.failed'] }, '/eventTypes'],
  [{ description: 'x'.repeat(201) }, '/description'],
  [{ enabled: 'yes' }, '/enabled'],
  [{ secret: 'whsec_mine' }, '/secret'],
])('%j is refused at %s', async (change, pointer) => {
  const errors = expect.arrayContaining([expect.objectContaining({ pointer })]) as unknown;
  expect(await create(change)).toMatchObject({ status: 400, body: { errors } });
  const { id } = await create();
  const changed = await api().call('PATCH', `/v1/webhooks/${id}`, { body: change });
  expect(changed).toMatchObject({ status: 400, body: { errors } });
});

test('a workspace has a maximum number of webhooks, also when they are made simultaneously', async () => {
  const made = await Promise.all(Array.from({ length: MAX_WEBHOOKS + 3 }, () => create()));
  const statuses = made.map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(MAX_WEBHOOKS);
  expect(made.find(({ status }) => status !== 201)).toMatchObject({
    status: 409,
    body: { type: '/problems/limit-reached' },
  });
  const first = await api().call('GET', '/v1/webhooks?limit=4');
  const rest = await api().call('GET', `/v1/webhooks?cursor=${first.body.nextCursor}`);
  expect(first.body.data).toHaveLength(4);
  expect(rest.body.data).toHaveLength(MAX_WEBHOOKS - 4);
});

test('the same request with the same key creates one webhook, and does not show the secret again', async () => {
  const [one, two] = await Promise.all([create({}, keyed('k-1')), create({}, keyed('k-1'))]);
  const again = await create({}, keyed('k-1'));
  expect(new Set([one.id, two.id, again.id]).size).toBe(1);
  expect([one, two, again].map(({ status }) => status)).toEqual([201, 201, 201]);
  const secrets = [one.body.secret, two.body.secret].filter((secret) => secret !== null);
  expect(secrets).toHaveLength(1);
  expect(again.body.secret).toBeNull();
  expect(await create({ description: 'other' }, keyed('k-1'))).toMatchObject({
    status: 422,
    body: { type: '/problems/idempotency-key-reused' },
  });
  await api().call('DELETE', `/v1/webhooks/${one.id}`);
  expect(await create({}, keyed('k-1'))).toMatchObject({ status: 410 });
});

test('a refused request does not use up its key', async () => {
  await Promise.all(Array.from({ length: MAX_WEBHOOKS }, () => create()));
  expect((await create({}, keyed('k-2'))).status).toBe(409);
  await sql('DELETE FROM webhooks');
  expect((await create({}, keyed('k-2'))).body.secret).toMatch(SECRET);
});

test('a webhook is disabled and enabled, and enabling clears the reason and the failures', async () => {
  const { id } = await create();
  const patch = (body: unknown) => api().call('PATCH', `/v1/webhooks/${id}`, { body });
  expect((await patch({ enabled: false })).body).toMatchObject({
    enabled: false,
    disabledReason: 'byAdmin',
  });
  await sql(
    `UPDATE webhooks SET disabled_reason = 'failing', failing_since = now() WHERE id = $1`,
    [id],
  );
  expect((await patch({ enabled: false })).body.disabledReason).toBe('failing');
  expect((await patch({ enabled: true, description: 'mended' })).body).toMatchObject({
    enabled: true,
    disabledAt: null,
    disabledReason: null,
    failingSince: null,
    description: 'mended',
  });
  expect(
    (await patch({ eventTypes: ['job.failed'], url: 'https://other.example/x' })).body,
  ).toMatchObject({
    eventTypes: ['job.failed'],
    url: 'https://other.example/x',
    description: 'mended',
  });
  expect((await patch({})).status).toBe(400);
});

test('a rotation creates a new secret, and the old secret stays valid for a day or the requested hours', async () => {
  const { id, body } = await create();
  const rotate = (wanted?: unknown, headers: Record<string, string> = {}) =>
    api().call('POST', `/v1/webhooks/${id}/rotate-secret`, {
      ...(wanted !== undefined && { body: wanted }),
      headers,
    });
  const rotated = await rotate(undefined, keyed('r-1'));
  expect(rotated.status).toBe(200);
  expect(rotated.body.secret).toMatch(SECRET);
  expect(rotated.body.secret).not.toBe(body.secret);
  const hours = (Date.parse(rotated.body.oldSecretValidUntil as string) - Date.now()) / 3_600_000;
  expect(Math.abs(hours - 24)).toBeLessThan(0.1);
  expect((await api().call('GET', `/v1/webhooks/${id}`)).body.oldSecretValidUntil).toBe(
    rotated.body.oldSecretValidUntil,
  );
  expect((await rotate(undefined, keyed('r-1'))).body.secret).toBeNull();
  const valid = async () =>
    (
      await sql<{ secret: string }>(
        `SELECT secret FROM webhook_secrets WHERE webhook_id = $1
            AND (expires_at IS NULL OR expires_at > now()) ORDER BY created_at DESC`,
        [id],
      )
    ).map(({ secret }) => secret);
  expect(await valid()).toEqual([rotated.body.secret, body.secret]);

  while ((await valid()).length < MAX_VALID_SECRETS) await rotate({ oldValidHours: 168 });
  expect(await rotate({ oldValidHours: 1 })).toMatchObject({
    status: 409,
    body: { type: '/problems/limit-reached' },
  });
  const last = await rotate({ oldValidHours: 0 });
  expect(last.body.oldSecretValidUntil).toBeNull();
  expect(await valid()).toEqual([last.body.secret]);
  for (const bad of [{ oldValidHours: -1 }, { oldValidHours: 169 }, { hours: 1 }, null]) {
    expect((await rotate(bad)).status).toBe(400);
  }
});

test('the activity log records changes of webhooks, with the host and no other part of the URL', async () => {
  const { id } = await create();
  await api().call('PATCH', `/v1/webhooks/${id}`, { body: { eventTypes: ['job.failed'] } });
  await api().call('POST', `/v1/webhooks/${id}/rotate-secret`);
  await api().call('DELETE', `/v1/webhooks/${id}`);
  const { body, text } = await api().call('GET', '/v1/activity?limit=200');
  const lines = (body.data as { kind: string; details: Record<string, unknown>; actor: object }[])
    .filter(({ details }) => details['webhookId'] === id)
    .toReversed();
  expect(lines.map(({ kind }) => kind)).toEqual([
    'webhookCreated',
    'webhookChanged',
    'webhookSecretRotated',
    'webhookDeleted',
  ]);
  for (const { actor, details } of lines) {
    expect(actor).toMatchObject({ id: api().shownIds.one });
    expect(details).toMatchObject({ host: 'hooks.example.com' });
  }
  expect(lines[1]?.details).toMatchObject({ changed: ['eventTypes'] });
  expect(text).not.toMatch(/canary|whsec/);
  expect((await api().call('GET', `/v1/activity?kind=webhookCreated`)).status).toBe(200);
});

test('neither a secret nor a URL is logged', async () => {
  const { id, body } = await create();
  await api().call('POST', `/v1/webhooks/${id}/rotate-secret`);
  await create({ url: 'https://ada:canary-password@example.com/' });
  const log = api().log.join('');
  expect(log).toContain('/v1/webhooks');
  for (const word of ['whsec', String(body.secret).slice(6), 'canary']) {
    expect({ word, isThere: log.includes(word) }).toEqual({ word, isThere: false });
  }
});

test('a malformed id answers 400, and an unknown id answers 404', async () => {
  expect((await api().call('GET', '/v1/webhooks/x')).status).toBe(400);
  expect((await api().call('GET', `/v1/webhooks/${uuidv7()}`)).status).toBe(404);
  expect((await api().call('DELETE', `/v1/webhooks/${uuidv7()}`)).status).toBe(404);
});
