import { expect, test } from 'vitest';
import { importFinished, type ImportFinished } from '../../../mail/import-mail.ts';

const COUNTS = {
  lines: 1_200,
  imported: 1_000,
  merged: 150,
  unchanged: 40,
  skipped: 0,
  held: 0,
  failed: 50,
  partial: 0,
  unprocessed: 0,
};

const told = (changes: Partial<ImportFinished> = {}) =>
  importFinished({
    jobId: '0193563c-0000-7000-8000-000000000001',
    workspaceName: 'Demo',
    mode: 'update',
    dryRun: false,
    end: { kind: 'completed' },
    counts: COUNTS,
    cleared: [],
    problems: [],
    log: { url: 'https://keepsake.example/p/log', expiresAt: new Date('2026-12-24T10:15:00Z') },
    job: { url: 'https://keepsake.example/p/job', expiresAt: new Date('2026-12-24T10:15:00Z') },
    ...changes,
  });

test('a mail states how many lines were imported, how many were not, and where the log is', () => {
  const { subject, text } = told();
  expect(subject).toBe('Import finished: 1,150 of 1,200 lines (Demo)');
  expect(text).toContain('Imported into Demo: 1,150 of 1,200 lines.');
  expect(text).toMatch(/Failed:? +50/);
  expect(text).toMatch(/nothing to change:? +40/);
  expect(text).toContain('/p/log');
  expect(text).not.toMatch(/Skipped|Not processed/);
});

test('a mail links to a log only if the import has one', () => {
  const counts = { ...COUNTS, imported: 1_050, failed: 0 };
  expect(told({ counts }).text).not.toContain('/p/log');
});

test('lines of held users are counted, and the mail links to their log', () => {
  const counts = { ...COUNTS, imported: 1_050, failed: 0, held: 7 };
  const { text } = told({ counts });
  expect(text).toMatch(/legal hold:? +7/);
  expect(text).toContain('/p/log');
});

test('a mail lists errors and cleared values by property, at most ten errors', () => {
  const problems = Array.from({ length: 12 }, (_, n) => ({
    column: n === 0 ? null : `properties.p${n}`,
    rule: 'number',
    count: 1_000 - n,
    firstLine: 2 + n,
  }));
  const { text } = told({ problems, cleared: [{ column: 'city', count: 1_234 }] });
  expect(text).toContain('the line, number: 1,000 lines, the first is line 2');
  expect(text).toContain('properties.p9, number: 991 lines, the first is line 11');
  expect(text).not.toContain('properties.p10');
  expect(text).toContain('Others: see the job');
  expect(text).toContain('Values that were cleared\n  city: 1,234');
  const cleared = [{ column: 'city', count: 1 }];
  expect(told({ dryRun: true, cleared }).text).toContain('would be cleared');
});

test('the mail of a dry run states that no user was changed', () => {
  const { subject, text } = told({ dryRun: true });
  expect(subject).toBe('Dry run of an import finished (Demo)');
  expect(text).toContain('no user of Demo was changed');
});

test.each([
  [{ kind: 'cancelled' } as const, 'Import cancelled: 1,150 of 1,200 lines (Demo)'],
  [
    { kind: 'failed', errorType: 'notUtf8', mayRetry: false } as const,
    'Import failed: 1,150 of 1,200 lines (Demo)',
  ],
])('the mail of an import with another end states that end: %j', (end, wanted) => {
  const { subject, text } = told({ end });
  expect(subject).toBe(wanted);
  expect(text.includes('notUtf8')).toBe(end.kind === 'failed');
  expect(text.includes('can be retried')).toBe(end.kind === 'cancelled');
});

test('the mail of a temporary failure states that the same file can be imported again', () => {
  const { text } = told({ end: { kind: 'failed', errorType: 'everyLineRefused', mayRetry: true } });
  expect(text).toContain('can be retried with the same file');
});
