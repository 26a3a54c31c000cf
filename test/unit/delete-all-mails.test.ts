import { expect, test } from 'vitest';
import { deleteAllMail, type RequestFacts } from '../../mail/delete-all-mails.ts';
import type { RequestNotice } from '../../workflows/contract.ts';

const FACTS: RequestFacts = {
  requestId: '0193563c-0000-7000-8000-000000000001',
  workspaceName: 'Tom & <i>Jerry</i>',
  reason: 'over & <script>',
  ticket: 'T-1',
  usersThen: 12_431,
  lapsesAt: new Date('2026-12-01T10:15:00Z'),
  closesAt: new Date('2026-12-04T10:15:00Z'),
  words: 'said & <b>done</b>',
  hasRun: false,
  end: null,
  requestUrl: 'https://keepsake.example/v1/delete-all-requests/1',
  jobUrl: null,
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

test.each(KINDS)('%s: html and text say the same, and text of people stays text', (kind) => {
  const { subject, html, text } = deleteAllMail(FACTS, kind);
  expect(subject).toContain(FACTS.workspaceName);
  for (const part of [FACTS.requestId, FACTS.requestUrl, 'T-1', 'you are of the platform team']) {
    expect(text).toContain(part);
    expect(html).toContain(part);
  }
  expect(html).not.toMatch(/<script>|<i>|<b>done/);
});

test.each(['denied', 'withdrawn', 'lapsed', 'expired', 'revoked', 'ended'] as const)(
  '%s: says that nothing was deleted',
  (kind) => {
    expect(deleteAllMail(FACTS, kind).text).toContain('Nothing was deleted.');
  },
);

test.each(['withdrawn', 'revoked'] as const)(
  '%s after a run: says that nothing more is deleted, not that nothing was',
  (kind) => {
    const { text } = deleteAllMail({ ...FACTS, hasRun: true }, kind);
    expect(text).toContain('Nothing more is deleted.');
    expect(text).not.toContain('Nothing was deleted.');
  },
);

test('until when, why and how many are said where they matter', () => {
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
])('the end of a run that %s with %i deleted', (state, deleted, said) => {
  const end = { state, jobId: '0193563c-0000-7000-8000-000000000002', selected: 3, deleted };
  const { subject, text } = deleteAllMail(
    { ...FACTS, end, jobUrl: 'https://k.example/j' },
    'ended',
  );
  expect(subject).toContain(said);
  expect(text).toContain(end.jobId);
  expect(text.includes('Nothing was deleted.')).toBe(deleted === 0);
  expect(text.includes('Not everyone was deleted')).toBe(state !== 'completed');
});
