import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DELIVERY_ERRORS } from '../../../webhooks/attempt-errors.ts';
import { newSecret, signaturesOf } from '../../../webhooks/signature.ts';
import { EVENT_TYPES, TEST_EVENT } from '../../../workflows/contracts/deliveries.ts';

const page = readFileSync(new URL('../../../docs/webhooks.md', import.meta.url), 'utf8');

test('docs/webhooks.md lists every event and every error of a delivery', () => {
  const words = [...EVENT_TYPES, TEST_EVENT, ...Object.keys(DELIVERY_ERRORS)];
  expect(words.filter((word) => !page.includes(`| \`${word}\` |`))).toEqual([]);
});

type IsGenuine = (secret: string, headers: Record<string, string>, body: Buffer) => boolean;

test('the JavaScript example accepts genuine requests and refuses others', async () => {
  const code = /```js\n(.*?)```/s.exec(page)?.[1] ?? '';
  const address = `data:text/javascript,${encodeURIComponent(code)}`;
  const { isGenuine } = (await import(address)) as { isGenuine: IsGenuine };
  const [older, newer] = [newSecret(), newSecret()];
  const message = { id: 'x', timestamp: Math.floor(Date.now() / 1_000), body: '{"ü":1}' };
  const headersAt = (timestamp: number) => ({
    'webhook-id': message.id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signaturesOf([newer, older], { ...message, timestamp }),
  });
  const headers = headersAt(message.timestamp);
  const body = Buffer.from(message.body);
  expect([older, newer].map((secret) => isGenuine(secret, headers, body))).toEqual([true, true]);
  expect(isGenuine(newSecret(), headers, body)).toBe(false);
  expect(isGenuine(older, headers, Buffer.from('{"ü":2}'))).toBe(false);
  expect(isGenuine(older, headersAt(message.timestamp - 400), body)).toBe(false);
});
