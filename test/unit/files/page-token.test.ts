import { expect, test } from 'vitest';
import { createLinkToken, readLinkToken } from '../../../files/link-token.ts';
import { createPageToken, type PageLink, readPageToken } from '../../../files/page-token.ts';

const SECRET = 'a secret that is long enough for links';
const LINK: PageLink = {
  purpose: 'job',
  mailId: '0193563c-0000-7000-8000-000000000001',
  expiresAt: new Date('2026-12-24T10:15:30Z'),
};
const TOKEN = createPageToken(LINK, SECRET);

test.each(['job', 'log', 'request'] as const)(
  'a token for a %s is read back unchanged',
  (purpose) => {
    const link = { ...LINK, purpose };
    const token = createPageToken(link, SECRET);
    expect(token).toMatch(/^[A-Za-z0-9_-]{71}$/);
    expect(token).toBe(createPageToken(link, SECRET));
    expect(readPageToken(token, SECRET)).toEqual(link);
  },
);

test('tokens for other purposes, mails or expiries have other signatures', () => {
  const others = [
    { ...LINK, purpose: 'log' as const },
    { ...LINK, mailId: '0193563c-0000-7000-8000-000000000002' },
    { ...LINK, expiresAt: new Date('2026-12-24T10:15:31Z') },
  ];
  for (const other of others) {
    const token = createPageToken(other, SECRET);
    expect(token.slice(28)).not.toBe(TOKEN.slice(28));
    expect(readPageToken(token.slice(0, 28) + TOKEN.slice(28), SECRET)).toBeUndefined();
  }
});

test.each([
  ['cut', TOKEN.slice(0, -1)],
  ['longer', `${TOKEN}A`],
  ['padded', `${TOKEN}=`],
  ['changed at its end', TOKEN.slice(0, -1) + (TOKEN.endsWith('A') ? 'B' : 'A')],
  ['without a signature', TOKEN.slice(0, 28) + 'A'.repeat(43)],
  ['of another secret', createPageToken(LINK, 'another secret of sufficient length!')],
  ['nothing', ''],
  ['the id of a mail', LINK.mailId],
])('a token that is %s is not valid', (_name, token) => {
  expect(readPageToken(token, SECRET)).toBeUndefined();
});

test('a download token is not a valid page token, and a page token is not a valid download token', () => {
  const download = createLinkToken(LINK.mailId, SECRET);
  expect(readPageToken(download, SECRET)).toBeUndefined();
  expect(readPageToken(download.padEnd(71, 'A'), SECRET)).toBeUndefined();
  expect(readLinkToken(TOKEN, SECRET)).toBeUndefined();
  expect(readLinkToken(TOKEN.slice(0, 65), SECRET)).toBeUndefined();
});
