import { expect, test } from 'vitest';
import { envToConfig, readEnv } from '../../../config.ts';

const REQUIRED = {
  DATABASE_URL: 'postgres://127.0.0.1/keepsake',
  RESEND_API_KEY: 're_test',
  LINK_SECRET: 'a secret that is long enough for links',
};
const isPrivateAllowed = (env: NodeJS.ProcessEnv) =>
  envToConfig(readEnv({ ...REQUIRED, ...env })).webhookAllowPrivate;

test('private addresses are allowed only by the value on', () => {
  expect(isPrivateAllowed({})).toBe(false);
  expect(isPrivateAllowed({ WEBHOOK_ALLOW_PRIVATE: '' })).toBe(false);
  expect(isPrivateAllowed({ WEBHOOK_ALLOW_PRIVATE: 'off' })).toBe(false);
  expect(isPrivateAllowed({ WEBHOOK_ALLOW_PRIVATE: 'on' })).toBe(true);
  for (const text of ['true', '1', 'On', 'yes']) {
    expect(() => isPrivateAllowed({ WEBHOOK_ALLOW_PRIVATE: text })).toThrow(
      'WEBHOOK_ALLOW_PRIVATE',
    );
  }
});
