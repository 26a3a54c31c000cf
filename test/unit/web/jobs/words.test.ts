import { expect, test } from 'vitest';
import { FAILURE_TYPES, UNKNOWN } from '../../../../activities/failure-types.ts';
import { closeImport } from '../../../../rules/job-sums.ts';
import { FAILURE_WORDS, failureWordsOf } from '../../../../web/jobs/words/failure-words.ts';
import { headingOf, tabTitleOf } from '../../../../web/jobs/words/job-words.ts';
import { reasonWordsOf } from '../../../../web/jobs/words/reason-words.ts';
import { waitingWordsOf } from '../../../../web/jobs/words/waiting-words.ts';
import { at, deletionCounts, jobJson } from '../../../support/web/job-json.ts';

test('each type of a failure has its words, and no other has', () => {
  const types = [...FAILURE_TYPES, UNKNOWN].toSorted();
  expect(Object.keys(FAILURE_WORDS).toSorted()).toEqual(types);
  expect(failureWordsOf('ofALaterVersion')).toBe(FAILURE_WORDS.brokenOff);
});

test('an import without any line does not repeat the remedy of its message', () => {
  const none = { imported: 0, merged: 0, unchanged: 0, skipped: 0, held: 0, partial: 0 };
  const counts = { ...none, lines: 2, failed: 2, unprocessed: 0 };
  for (const refused of [0, 1]) {
    const end = closeImport({ counts, isRead: true, refused }, { kind: 'completed' });
    const { type, message } = end as { type: string; message: string };
    expect(message).toMatch(/log.*then (upload|retry)/);
    expect(failureWordsOf(type).next).toBe('No user was changed.');
  }
});

test.each([
  [{}, "Deletion of 12,400 users in 'Churned 2024'"],
  [{ selection: { type: 'ids', count: 3 } }, 'Deletion of 3 users'],
  [{ selection: { type: 'filter' } }, 'Deletion of 12,400 users that match a filter'],
  [{ selection: { type: 'query', q: 'ada' } }, 'Deletion of 12,400 users that match a search'],
  [{ selection: { type: 'all' }, parent: 'r' }, 'Deletion of all 12,400 users'],
  [
    { selection: { type: 'list' }, retryOf: 'j' },
    'Deletion of 12,400 users from a list, tried again',
  ],
  [{ type: 'export', selection: { type: 'all' } }, 'Export of all 12,400 users'],
  [{ type: 'import', selection: { type: 'file' } }, 'Import of 12,400 lines'],
  [
    { type: 'import', selection: { type: 'file' }, dryRun: true },
    'Dry run of an import of 12,400 lines',
  ],
  [{ type: 'restore', selection: { type: 'all' } }, 'Restore of 12,400 users'],
] as const)('%j is headed "%s"', (values, heading) => {
  expect(headingOf(jobJson(values))).toBe(heading);
});

test('a heading counts all users, also in a later pass and after the end', () => {
  const progress = { pass: 2, total: 12, processed: 0, ratePerSecond: null, etaSeconds: null };
  expect(headingOf(jobJson({ progress }))).toBe("Deletion of users in 'Churned 2024'");
  const counts = deletionCounts({ deleted: 7 });
  expect(headingOf(jobJson({ counts }))).toBe("Deletion of 7 users in 'Churned 2024'");
});

test('the title of the tab has the share, and no name', () => {
  expect(tabTitleOf(jobJson(), 0.42)).toBe('42 % – Deleting');
  expect(tabTitleOf(jobJson(), null)).toBe('Deleting');
  expect(tabTitleOf(jobJson({ state: 'queued' }), null)).toBe('Deletion waits');
  const ended = { finishedAt: at(3) };
  expect(tabTitleOf(jobJson({ ...ended, state: 'succeeded' }), null)).toBe('Deleted');
  expect(tabTitleOf(jobJson({ ...ended, state: 'failed' }), null)).toBe('Deletion failed');
  expect(tabTitleOf(jobJson({ ...ended, state: 'cancelled' }), null)).toBe('Deletion stopped');
});

test.each([
  ['constraint orders_user_fk', 'Other data or a rule needs it as it is: orders_user_fk.'],
  ['SQLSTATE P0001, raised by keep()', 'A trigger refuses it: keep(), SQLSTATE P0001.'],
  ['SQLSTATE 22P02 city', 'The database refuses it: SQLSTATE 22P02 city.'],
  [
    'changedOnInsert city, tags',
    'A trigger or another type of the column would change it: city, tags.',
  ],
  ['locked', 'Other work held the user in each try.'],
  ['ofALaterVersion', 'ofALaterVersion'],
])('the reason %s in words', (reason, words) => {
  expect(reasonWordsOf(reason)).toBe(words);
});

test('a job that waits says for what, also for the failure of a step', () => {
  expect(waitingWordsOf('noWorker')).toMatch(/^No worker runs/);
  expect(waitingWordsOf('databaseUnavailable')).toMatch(/^The database is not available\. The job/);
});
