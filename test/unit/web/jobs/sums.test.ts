import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Job } from '../../../../web/jobs/job.ts';
import {
  outcomesOf,
  resultRowsOf,
  resultTitleOf,
  retryableOf,
  sumWordsOf,
} from '../../../../web/jobs/result/sums.ts';
import { OUTCOME_WORDS, type Outcome } from '../../../../web/jobs/words/outcome-words.ts';
import { at, deletionCounts, jobJson } from '../../../support/web/job-json.ts';

const ended = (values: Partial<Job>): Job =>
  jobJson({ state: 'partiallySucceeded', phase: null, finishedAt: at(9), ...values });

test('the outcomes are in the order of the bar: as requested, left as they were, open', () => {
  const job = ended({ counts: deletionCounts({ failed: 2, held: 31, deleted: 12_400 }) });
  const sums = outcomesOf(job);
  expect(sums).toEqual([
    { outcome: 'deleted', count: 12_400 },
    { outcome: 'held', count: 31 },
    { outcome: 'failed', count: 2 },
  ]);
  expect(sumWordsOf(sums, 12_433, 'user')).toBe(
    '12,400 deleted + 31 under legal hold + 2 failed = 12,433 users',
  );
});

test('the rows of a result always add up to its counts, whatever the records say', () => {
  const outcome = fc.constantFrom(...(Object.keys(OUTCOME_WORDS) as Outcome[]));
  const count = fc.nat({ max: 50 });
  const reason = fc.option(fc.constantFrom('locked', 'refused', 'constraint a'), { nil: null });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.record({ outcome, count: fc.integer({ min: 1, max: 50 }) }), {
        selector: (sum) => sum.outcome,
      }),
      fc.array(fc.record({ outcome, reason, count })),
      (sums, summary) => {
        const rows = resultRowsOf(sums, summary);
        for (const sum of sums) {
          const own = rows.filter((row) => row.outcome === sum.outcome);
          expect(own.reduce((all, row) => all + row.count, 0)).toBe(sum.count);
          expect(own.every((row) => row.count > 0)).toBe(true);
        }
        expect(rows.every((row) => sums.some((sum) => sum.outcome === row.outcome))).toBe(true);
      },
    ),
  );
});

test.each([
  [
    'a deletion',
    { counts: deletionCounts({ deleted: 12_400, failed: 31 }) },
    '12,400 deleted, 31 not',
  ],
  ['all deleted', { counts: deletionCounts({ deleted: 5 }) }, '5 deleted'],
  ['nobody deleted', { counts: deletionCounts({ unprocessed: 5 }) }, 'No user deleted'],
  [
    'a restore',
    {
      type: 'restore',
      counts: { selected: 10, restored: 8, present: 2, notFound: 0, failed: 0, unprocessed: 0 },
    },
    '8 restored, 2 not',
  ],
  [
    'an export',
    { type: 'export', counts: { selected: 7, exported: 7, notFound: 0 } },
    '7 exported',
  ],
  ['a dry run', { type: 'import', dryRun: true, counts: lines() }, '9,960 can be imported, 40 not'],
  ['an import', { type: 'import', counts: lines() }, '9,960 imported, 40 not'],
] satisfies [string, Partial<Job>, string][])('%s in a sentence', (_name, values, text) => {
  expect(resultTitleOf(ended(values))).toBe(text);
});

test('a retry takes the users that are left, without those that no longer match', () => {
  const counts = deletionCounts({ deleted: 9, failed: 3, changedSinceBackup: 2, held: 4 });
  expect(retryableOf(ended({ counts, reasons: [{ reason: 'noLongerMatches', count: 2 }] }))).toBe(
    3,
  );
});

function lines() {
  return {
    lines: 10_000,
    imported: 400,
    merged: 9_560,
    unchanged: 60,
    skipped: 0,
    held: 0,
    failed: 40,
    partial: 0,
    unprocessed: 0,
  };
}
