import { expect, test } from 'vitest';
import { deletionFinished, type DeletionFinished } from '../../../mail/deletion-mail.ts';
import { exportFailed, exportReady } from '../../../mail/export-mails.ts';
import type { Message } from '../../../mail/letter.ts';
import { formatBytes, formatTimestamp, formatUsers } from '../../../files/format.ts';

const READY = {
  jobId: '0193563c-0000-7000-8000-000000000001',
  workspaceName: 'Tom & <i>Jerry</i> "Ltd"',
  format: 'ndjson',
  compression: 'gzip',
  rows: 12_431,
  bytes: 1_234_567,
  sha256: 'ab'.repeat(32),
  linkUrl: 'https://keepsake.example/d/token?a=1&b=2',
  linkExpiresAt: new Date('2026-12-01T10:15:59Z'),
  fileExpiresAt: new Date('2026-12-01T23:59:00Z'),
} as const;

const linkTo = (page: string) => ({
  url: `https://keepsake.example/p/${page}`,
  expiresAt: new Date('2026-12-24T10:15:00Z'),
});

const COUNTS = {
  selected: 100,
  deleted: 100,
  changedSinceBackup: 0,
  notFound: 0,
  held: 0,
  failed: 0,
  unprocessed: 0,
};

const deletion = (changes: Partial<DeletionFinished> = {}): Message =>
  deletionFinished({
    jobId: READY.jobId,
    workspaceName: 'Demo',
    end: { kind: 'completed' },
    counts: COUNTS,
    backups: [
      {
        id: '0193563c-0000-7000-8000-000000000002',
        rows: 100,
        bytes: 999,
        sha256: 'cd'.repeat(32),
        linkUrl: 'https://keepsake.example/d/backup',
        linkExpiresAt: READY.linkExpiresAt,
      },
    ],
    restoreUntil: new Date('2026-12-24T10:00:00Z'),
    log: linkTo('log'),
    job: linkTo('job'),
    ...changes,
  });

/** The words of the HTML, to compare them with the text. */
const wordsOf = (text: string): string =>
  text
    .replace(/<title>.*?<\/title>/, '')
    .replaceAll(/<a href="([^"]*)"[^>]*>([^<]*)<\/a>/g, '$2: $1 ')
    .replaceAll(/<[^>]*>|&nbsp;/g, ' ')
    .replaceAll(/[\s:-]+/g, ' ')
    .trim();

test('an export mail has count, size, checksum, expiry and link, in HTML and text', () => {
  const { subject, html, text } = exportReady({ ...READY, workspaceName: 'Demo' });
  expect(subject).toBe('Export ready: 12,431 users of Demo');
  for (const said of [
    '12,431',
    '1.2 MB',
    'NDJSON, gzip',
    READY.sha256,
    '1 December 2026, 10:15 UTC',
    '23:59 UTC',
  ]) {
    expect(text).toContain(said);
    expect(html).toContain(said);
  }
  expect(text).toContain(READY.linkUrl);
  expect(html).toContain('href="https://keepsake.example/d/token?a=1&amp;b=2"');
});

test('HTML and text have the same words', () => {
  const { html, text } = deletion();
  expect(wordsOf(html).split(' ').toSorted()).toEqual(wordsOf(text).split(' ').toSorted());
});

test('names are escaped in HTML, and unchanged in the text', () => {
  const { html, text } = exportReady(READY);
  expect(html).toContain('Tom &amp; &lt;i&gt;Jerry&lt;/i&gt; &quot;Ltd&quot;');
  expect(html).not.toContain('<i>');
  expect(text).toContain('Tom & <i>Jerry</i> "Ltd"');
});

test('a subject is one line, with any name of a workspace', () => {
  const workspaceName = 'Demo\r\nBcc: all@example.com\u2028x';
  const ids = { jobId: '1', workspaceName, job: linkTo('job') };
  for (const { subject } of [
    exportReady({ ...READY, workspaceName }),
    exportFailed(ids),
    deletion({ workspaceName }),
  ]) {
    expect(subject).toContain('Demo Bcc: all@example.com x');
    expect(subject).not.toMatch(/[\r\n\u2028]/);
  }
});

test('the mail of a failed or cancelled export states that there is no file', () => {
  const ids = { jobId: '1', workspaceName: 'Demo', job: linkTo('job') };
  const failed = exportFailed({ ...ids, errorType: 'storageFull' });
  expect(failed.subject).toBe('Export failed: Demo');
  expect(failed.text).toContain('storageFull');
  const cancelled = exportFailed(ids);
  expect(cancelled.subject).toBe('Export cancelled: Demo');
  for (const { text } of [failed, cancelled]) expect(text).toContain('There is no file');
});

test('the mail of a deletion has counts, backup link, log link and the end of the time for a restore', () => {
  const { subject, text } = deletion();
  expect(subject).toBe('Deletion finished: 100 users deleted (Demo)');
  for (const said of [
    'https://keepsake.example/d/backup',
    'https://keepsake.example/p/log',
    'The users can be restored until 24 December 2026, 10:00 UTC',
    'Deleted: 100',
  ]) {
    expect(text).toContain(said);
  }
  expect(text).not.toContain('Under legal hold');
});

test.each<[string, Partial<DeletionFinished>]>([
  [
    'Deletion finished in part: 95 of 100 users deleted (Demo)',
    { counts: { ...COUNTS, deleted: 95, changedSinceBackup: 5 } },
  ],
  [
    'Deletion finished: 95 of 100 users deleted (Demo)',
    { counts: { ...COUNTS, deleted: 95, held: 3, notFound: 2 } },
  ],
  [
    'Deletion cancelled: 40 of 100 users deleted (Demo)',
    { end: { kind: 'cancelled' }, counts: { ...COUNTS, deleted: 40, unprocessed: 60 } },
  ],
  [
    'Deletion failed: 1 of 100 users deleted (Demo)',
    {
      end: { kind: 'failed', errorType: 'backupDamaged' },
      counts: { ...COUNTS, deleted: 1, unprocessed: 99 },
    },
  ],
  [
    'Deletion failed: 1 user deleted (Demo)',
    {
      end: { kind: 'failed', errorType: 'backupDamaged' },
      counts: { ...COUNTS, selected: null, deleted: 1 },
    },
  ],
])('the subject of a deletion mail is %s', (subject, changes) => {
  expect(deletion(changes).subject).toBe(subject);
});

test.each<DeletionFinished['end']>([
  { kind: 'completed' },
  { kind: 'cancelled' },
  { kind: 'failed', errorType: 'selectionChanged' },
])('the mail of %j without deleted users states this in subject and text', (end) => {
  const counts = { ...COUNTS, deleted: 0, held: 100 };
  const { subject, text } = deletion({ end, counts, backups: [], restoreUntil: null });
  expect(subject).toMatch(/^Deletion (finished|cancelled|failed): no user was deleted \(Demo\)$/);
  expect(text).toContain('No user of Demo was deleted.');
  expect(text).not.toMatch(/restor|backup/i);
});

test('the mail of a deletion that ended before its users were listed states why there is no log', () => {
  const counts = { ...COUNTS, deleted: 0, unprocessed: 100 };
  const end = { kind: 'failed', errorType: 'selectionChanged' } as const;
  const { text } = deletion({ end, counts, backups: [], restoreUntil: null, log: null });
  expect(text).toContain('before its users were listed, so there is no log');
  expect(text).not.toContain('Download the log');
  expect(text).toContain('View the job:\nhttps://keepsake.example/p/job');
});

test('the mail of a deletion in several passes links every backup', () => {
  const first = { id: 'b1', rows: 1, bytes: 1, sha256: 'x', linkExpiresAt: new Date(0) };
  const backups = [1, 2].map((pass) => ({
    ...first,
    linkUrl: `https://keepsake.example/d/${pass}`,
  }));
  const { text } = deletion({ backups });
  expect(text).toContain('Download backup 1 of 2:\nhttps://keepsake.example/d/1');
  expect(text).toContain('Download backup 2 of 2:\nhttps://keepsake.example/d/2');
});

test('sizes, counts and times are formatted for people', () => {
  expect([0, 1, 999, 1_000, 999_949, 999_950, 1_500_000_000].map(formatBytes)).toEqual([
    '0 bytes',
    '1 byte',
    '999 bytes',
    '1.0 kB',
    '999.9 kB',
    '1.0 MB',
    '1.5 GB',
  ]);
  expect([0, 1, 1_234_567].map(formatUsers)).toEqual(['0 users', '1 user', '1,234,567 users']);
  expect(formatTimestamp(new Date('2026-01-02T00:05:59.999Z'))).toBe('2 January 2026, 00:05 UTC');
});
