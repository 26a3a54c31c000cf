import { expect, test } from 'vitest';
import { envToConfig, readEnv, readLocalEnv } from '../../../config.ts';

const REQUIRED = {
  DATABASE_URL: 'postgres://127.0.0.1/keepsake',
  RESEND_API_KEY: 're_test',
  LINK_SECRET: 'a secret that is long enough for links',
};

/** The error lines of a start with this environment. */
const problems = (read: () => unknown): string[] => {
  try {
    read();
    return [];
  } catch (error) {
    return (error as Error).message.split('\n');
  }
};

const ofProcess = (env: NodeJS.ProcessEnv) => problems(() => readEnv({ ...REQUIRED, ...env }));
const ofStart = (env: NodeJS.ProcessEnv) => problems(() => readLocalEnv(env));
const HEAD = 'Keepsake cannot start with these settings:';

const WRONG = {
  HOST: 'http://here',
  PORT: '80a',
  PUBLIC_URL: 'ftp://keepsake.example',
  TEMPORAL_UI_URL: 'localhost:8233',
  RESEND_BASE_URL: 'https://resend.example/?x',
  RATE_LIMIT_PER_MINUTE: '0',
  TRUSTED_PROXIES: '10.0.0.0/33',
  DELETE_ALL_SIGNALS: 'on',
  WEBHOOK_ALLOW_PRIVATE: 'yes',
  LOG_LEVEL: 'verbose',
  METRICS_PORT: '65536',
  DATABASE_URL: 'mysql://a:b@127.0.0.1/x',
  MAIL_FROM: 'Keepsake',
  LINK_SECRET: 'short',
};

const namesIn = (lines: string[]) =>
  new Set(lines.slice(1).map((line) => /^ {2}([A-Z_]+): must be ./.exec(line)?.[1]));

test('all invalid settings are reported at once, by npm start as by API and worker', () => {
  for (const lines of [ofProcess(WRONG), ofStart(WRONG)]) {
    expect(lines[0]).toBe(HEAD);
    expect(namesIn(lines)).toEqual(new Set(Object.keys(WRONG)));
    expect(lines.length).toBe(Object.keys(WRONG).length + 1);
  }
});

test('invalid settings that only npm start has are reported too', () => {
  const only = {
    TEMPORAL_PORT: '-1',
    TEMPORAL_UI_PORT: '1e3',
    OUTBOX_PORT: ' ',
    DELETE_ALL_PERCENT: '101',
    DELETE_ALL_MEMORY: '31d',
    DELETE_ALL_WINDOW: '3',
    DELETE_ALL_LAPSE: '0d',
    DELETE_ALL_REMIND_AFTER: '1.5h',
    DELETE_ALL_CLOSING_REMINDERS: '24h,2',
  };
  expect(namesIn(ofStart(only))).toEqual(new Set(Object.keys(only)));
});

test('missing settings are reported beside invalid settings, with their required form', () => {
  expect(problems(() => readEnv({ PORT: '80a' }))).toEqual([
    HEAD,
    '  PORT: must be a whole number from 0 to 65535',
    '  DATABASE_URL: is not set: it must be of the form postgres://user:password@host:port/database',
    '  RESEND_API_KEY: is not set: it must be a key of Resend',
    '  LINK_SECRET: is not set: it must be a string of at least 32 characters',
  ]);
});

test('no value of a setting is quoted, because the value may be a secret', () => {
  const said = [...ofProcess(WRONG), ...ofStart(WRONG)].join('\n');
  for (const value of Object.values(WRONG)) expect(said).not.toContain(`"${value}"`);
  expect(said).not.toContain('a:b@');
  expect(said).not.toContain('short');
});

const senderProblem = (MAIL_FROM: string) => ofProcess({ MAIL_FROM })[1];

test.each([
  'keepsake@example.com',
  'Keepsake <keepsake@example.com>',
  'Acme Inc. <keepsake@mail.example.com>',
  'Zoë Ünal<zoe@example.com>',
  '"Acme, Inc." <keepsake@example.com>',
  String.raw`"The \"Keep\"" <keepsake@example.com>`,
])('MAIL_FROM may be %s', (sender) => {
  expect(ofStart({ MAIL_FROM: sender })).toEqual([]);
  expect(envToConfig(readEnv({ ...REQUIRED, MAIL_FROM: sender })).mailFrom).toBe(sender);
});

test.each([
  'Keepsake',
  'Keepsake keepsake@example.com',
  'Keepsake <keepsake>',
  'Keepsake <>',
  '<keepsake@example.com>',
  'Acme, Inc. <keepsake@example.com>',
  'Keepsake <keepsake@example.com',
  'Keepsake <keepsake@example.com> and more',
  'a@example.com, b@example.com',
  'Keepsake\nBcc: all@example.com <keepsake@example.com>',
  '"open <keepsake@example.com>',
  'Keepsake <a@example.com> <b@example.com>',
])('MAIL_FROM may not be %j', (sender) => {
  expect(senderProblem(sender)).toMatch(/^ {2}MAIL_FROM: must be an email address, or a name and/);
  expect(ofStart({ MAIL_FROM: sender })[1]).toBe(senderProblem(sender));
});

const proxies = (TRUSTED_PROXIES: string) =>
  envToConfig(readEnv({ ...REQUIRED, TRUSTED_PROXIES })).trustedProxies;

test('trusted proxies are addresses and networks of IPv4 and IPv6', () => {
  expect(proxies('10.0.0.0/8, ::1,, fd00::/7 ')).toEqual(['10.0.0.0/8', '::1', 'fd00::/7']);
  expect(proxies('loopback,10.0.0.0/255.0.0.0')).toEqual(['loopback', '10.0.0.0/255.0.0.0']);
  for (const wrong of ['proxy.example', '10.0.0', '10.0.0.0/', '::1/129', '10.0.0.0/8/8']) {
    expect(ofProcess({ TRUSTED_PROXIES: wrong })[1]).toMatch(/^ {2}TRUSTED_PROXIES: must be/);
  }
});

test('blanks around a number or a URL are ignored', () => {
  const { port, publicUrl } = envToConfig(
    readEnv({ ...REQUIRED, PORT: ' 80 ', PUBLIC_URL: ' https://keepsake.example/ ' }),
  );
  expect({ port, publicUrl }).toEqual({ port: 80, publicUrl: 'https://keepsake.example' });
});
