import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { newSecret, signaturesOf } from '../../../webhooks/signature.ts';

/** As the reference libraries of Standard Webhooks have it in their tests. */
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

test('the signature of the specification’s example is the one its libraries make', () => {
  expect(signaturesOf([VECTOR.secret], VECTOR)).toBe(VECTOR.signature);
});

test('while a secret is rotated there is a signature by each, apart by a space', () => {
  const other = newSecret();
  const both = signaturesOf([other, VECTOR.secret], VECTOR).split(' ');
  const key = Buffer.from(other.slice('whsec_'.length), 'base64');
  const signed = `${VECTOR.id}.${VECTOR.timestamp}.${VECTOR.body}`;
  const expected = createHmac('sha256', key).update(signed).digest('base64');
  expect(both).toEqual([`v1,${expected}`, VECTOR.signature]);
});

test('what is signed covers id, time and every byte of the body', () => {
  const changes = [{ id: 'msg_x' }, { timestamp: 1 }, { body: `${VECTOR.body} ` }, { body: 'ü' }];
  for (const change of changes) {
    expect(signaturesOf([VECTOR.secret], { ...VECTOR, ...change })).not.toBe(VECTOR.signature);
  }
});

test('a new secret is another each time, of 32 random bytes as the specification allows', () => {
  const secrets = new Set(Array.from({ length: 50 }, newSecret));
  expect(secrets.size).toBe(50);
  for (const secret of secrets) {
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]+=*$/);
    expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
  }
});
