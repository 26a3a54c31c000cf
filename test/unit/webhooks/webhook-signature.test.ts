import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { newSecret, signaturesOf } from '../../../webhooks/signature.ts';

/** The example in the tests of the reference libraries of Standard Webhooks. */
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

test('the signature of the example in the specification is that of its libraries', () => {
  expect(signaturesOf([VECTOR.secret], VECTOR)).toBe(VECTOR.signature);
});

test('during a rotation of the secret there is one signature for each secret, separated by a space', () => {
  const other = newSecret();
  const both = signaturesOf([other, VECTOR.secret], VECTOR).split(' ');
  const key = Buffer.from(other.slice('whsec_'.length), 'base64');
  const signed = `${VECTOR.id}.${VECTOR.timestamp}.${VECTOR.body}`;
  const expected = createHmac('sha256', key).update(signed).digest('base64');
  expect(both).toEqual([`v1,${expected}`, VECTOR.signature]);
});

test('the signature covers id, time and every byte of the body', () => {
  const changes = [{ id: 'msg_x' }, { timestamp: 1 }, { body: `${VECTOR.body} ` }, { body: 'ü' }];
  for (const change of changes) {
    expect(signaturesOf([VECTOR.secret], { ...VECTOR, ...change })).not.toBe(VECTOR.signature);
  }
});

test('each new secret is different, and has 32 random bytes', () => {
  const secrets = new Set(Array.from({ length: 50 }, newSecret));
  expect(secrets.size).toBe(50);
  for (const secret of secrets) {
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]+=*$/);
    expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
  }
});
