import { expect, test } from 'vitest';
import { readWebhookUrl } from '../../../webhooks/url.ts';

const isTaken = (text: string, allowPrivate = false) => 'url' in readWebhookUrl(text, allowPrivate);

const REFUSED: [what: string, urls: string[]][] = [
  ['no URL', ['', 'example.com/hook', '//example.com', 'https://', 'https://exa mple.com/']],
  ['not https', ['http://example.com/', 'ftp://example.com/', 'file:///etc/passwd', 'data:,x']],
  [
    'credentials',
    ['https://ada@example.com/', 'https://ada:pw@example.com/', 'https://:pw@a.com/'],
  ],
  ['a fragment', ['https://example.com/#a', 'https://example.com/x#']],
  ['a port of another service', ['https://example.com:22/', 'https://example.com:25/']],
  ['a port that none is', ['https://example.com:0/', 'https://example.com:70000/']],
  ['a name of this machine', ['https://localhost/', 'https://LOCALHOST./', 'https://a.localhost/']],
  ['a name of the own network', ['https://db/', 'https://a.internal/', 'https://printer.local/']],
  ['an address of this machine', ['https://127.0.0.1/', 'https://[::1]/', 'https://0/']],
  ['another spelling of it', ['https://127.1/', 'https://0x7f.1/', 'https://2130706433/']],
  [
    'octal, or full-width',
    ['https://0177.0.0.1/', 'https://１２７.0.0.1/', 'https://127。0。0。1/'],
  ],
  ['with a dot after it', ['https://127.0.0.1./', 'https://10.0.0.1./']],
  ['private', ['https://10.1.2.3/', 'https://192.168.1.1:8443/', 'https://169.254.169.254/latest']],
  ['IPv6 that leads home', ['https://[::ffff:127.0.0.1]/', 'https://[64:ff9b::7f00:1]/']],
  ['blanks and controls', [' https://example.com/', 'https://example.com/\n', 'https://a.com/\tx']],
  ['too long', [`https://example.com/${'x'.repeat(2_000)}`]],
];

test.each(REFUSED)('%s: refused with a reason', (_what, urls) => {
  for (const text of urls) {
    const read = readWebhookUrl(text, false);
    expect({ text, isTaken: 'url' in read }).toEqual({ text, isTaken: false });
    expect('detail' in read && read.detail.length).toBeGreaterThan(5);
  }
});

test.each([
  ['https://ex\u200Bample.com/', 'U+200B (zero width space)'],
  ['https://ex\u00ADample.com/', 'U+00AD (soft hyphen)'],
  ['https://example.com/a\u2060b', 'U+2060 (word joiner)'],
  ['https://example.com/\u202Etxt', 'U+202E'],
  ['\uFEFFhttps://example.com/', 'U+FEFF (byte-order mark)'],
  ['https://example.com/a b', 'U+0020 (space)'],
])('an invisible character in %j is named in the error, and not dropped', (text, name) => {
  for (const allowPrivate of [false, true]) {
    expect(readWebhookUrl(text, allowPrivate)).toEqual({
      detail: `has the character ${name}, which is not allowed; remove the character`,
    });
  }
});

test.each([
  'https://example.com',
  'https://hooks.example.com/a/b?token=c',
  'https://example.com:443/',
  'https://example.com:8443/x',
  'https://bücher.example/',
  'https://8.8.8.8/x',
  'https://[2606:4700:4700::1111]/x',
])('%s is accepted', (text) => {
  expect(isTaken(text)).toBe(true);
});

test('with private addresses allowed, http and loopback are accepted, and credentials are still refused', () => {
  for (const text of [
    'http://127.0.0.1:3000/x',
    'http://localhost:81/',
    'https://db/',
    'http://[::1]/',
  ]) {
    expect({ text, isTaken: isTaken(text, true) }).toEqual({ text, isTaken: true });
  }
  for (const text of ['ftp://a.com/', 'http://ada:pw@localhost/', 'http://localhost/#x']) {
    expect({ text, isTaken: isTaken(text, true) }).toEqual({ text, isTaken: false });
  }
});

test('the stored URL is the normalised URL of the request', () => {
  expect(readWebhookUrl('HTTPS://Bücher.Example:443/a/../b', false)).toEqual({
    url: 'https://xn--bcher-kva.example/b',
  });
});
