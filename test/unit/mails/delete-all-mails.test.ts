import { expect, test } from 'vitest';
import { deleteAllMail, type RequestFacts } from '../../../mail/delete-all-mails.ts';
import type { RequestNotice } from '../../../workflows/contracts/delete-all.ts';

const FACTS: RequestFacts = {
  requestId: '0193563c-0000-7000-8000-000000000001',
  workspaceName: 'Tom & <i>Jerry</i>',
  asker: { role: 'admin', name: 'Ada & <u>Admin</u>' },
  windowMs: 3 * 86_400_000,
  reason: 'over & <script>',
  ticket: 'T-1',
  usersThen: 12_431,
  lapsesAt: new Date('2026-12-01T10:15:00Z'),
  closesAt: new Date('2026-12-04T10:15:00Z'),
  words: 'said & <b>done</b>',
  hasRun: false,
  end: null,
  apiUrl: 'https://keepsake.example',
  request: { url: 'https://keepsake.example/p/token', expiresAt: new Date('2026-12-31T10:15:00Z') },
};

const KINDS: RequestNotice[] = [
  'asked',
  'unanswered',
  'approved',
  'closing/86400000',
  'closing/7200000',
  'denied',
  'withdrawn',
  'lapsed',
  'expired',
  'revoked',
  'ended',
];

test.each(KINDS)(
  '%s: HTML and text have the same facts, and names and reasons are escaped in HTML',
  (kind) => {
    const { subject, html, text } = deleteAllMail(FACTS, kind);
    expect(subject).toContain(FACTS.workspaceName);
    for (const part of [
      FACTS.requestId,
      FACTS.request.url,
      'T-1',
      'you are a member of the platform team',
    ]) {
      expect(text).toContain(part);
      expect(html).toContain(part);
    }
    expect(html).not.toMatch(/<script>|<i>|<u>|<b>done/);
  },
);

test.each(['denied', 'withdrawn', 'lapsed', 'expired', 'revoked', 'ended'] as const)(
  '%s: the mail states that nothing was deleted',
  (kind) => {
    expect(deleteAllMail(FACTS, kind).text).toContain('Nothing was deleted.');
  },
);

test.each(['withdrawn', 'revoked'] as const)(
  '%s after a run: the mail states that nothing more is deleted, not that nothing was deleted',
  (kind) => {
    const { text } = deleteAllMail({ ...FACTS, hasRun: true }, kind);
    expect(text).toContain('Nothing more is deleted.');
    expect(text).not.toContain('Nothing was deleted.');
  },
);

test('deadlines, reasons and counts are in the mails that need them', () => {
  expect(deleteAllMail(FACTS, 'asked').text).toContain('12,431 users');
  expect(deleteAllMail(FACTS, 'asked').text).toContain('lapses on 1 December 2026, 10:15 UTC');
  expect(deleteAllMail(FACTS, 'approved').subject).toContain('until 4 December 2026, 10:15 UTC');
  expect(deleteAllMail(FACTS, 'denied').text).toContain('Reason: said & <b>done</b>');
  expect(deleteAllMail(FACTS, 'closing/86400000').subject).toContain('in 24 hours');
  expect(deleteAllMail(FACTS, 'closing/3600000').subject).toContain('in 1 hour (');
  expect(deleteAllMail(FACTS, 'closing/90000').subject).toContain('in 2 minutes');
});

test.each([
  ['completed', 3, 'is done: 3 of 3 users deleted'],
  ['failed', 1, 'ended: 1 of 3 users deleted'],
  ['cancelled', 0, 'ended: 0 of 3 users deleted'],
])(
  'a mail at the end of a run (%s) with %i deleted users states these numbers',
  (state, deleted, said) => {
    const end = { state, jobId: '0193563c-0000-7000-8000-000000000002', selected: 3, deleted };
    const { subject, text } = deleteAllMail({ ...FACTS, end }, 'ended');
    expect(subject).toContain(said);
    expect(text).toContain(end.jobId);
    expect(text.includes('No user of Tom & <i>Jerry</i> was deleted.')).toBe(deleted === 0);
    expect(text.includes('Not all users were deleted')).toBe(state !== 'completed');
  },
);

test.each(['asked', 'unanswered'] as const)(
  '%s: the mail states requester, subject, number of users, window and how to decide',
  (kind) => {
    const { text } = deleteAllMail(FACTS, kind, [
      { kind: 'approve', code: 'abcde-fghij' },
      { kind: 'deny' },
    ]);
    const request = `https://keepsake.example/v1/delete-all-requests/${FACTS.requestId}`;
    for (const said of [
      'Ada & <u>Admin</u> (admin of Tom & <i>Jerry</i>) requests to delete all users',
      'Requested by: Ada & <u>Admin</u> (admin)',
      'Users when requested: 12,431',
      'a window of 72 hours',
      `Approve: curl -X POST -H "Authorization: Bearer $KEY" ${request}/approve`,
      `--data '{"reason":"Your reason"}' ${request}/deny`,
      '--name approve --input',
      'It changes nothing.',
    ]) {
      expect(text).toContain(said);
    }
    expect(text).not.toContain('--name deny');
  },
);

test('a mail to a person that cannot decide has no commands', () => {
  expect(deleteAllMail(FACTS, 'asked').text).not.toContain('curl');
});

test('no mail links to the API, which answers a person without a key with a JSON error', () => {
  for (const kind of KINDS) {
    const { html } = deleteAllMail(FACTS, kind, [{ kind: 'approve' }]);
    const links = [...html.matchAll(/href="([^"]*)"/g)].map(([, url]) => url);
    expect(links).toEqual([FACTS.request.url]);
  }
});
