import { expect, test } from 'vitest';
import type { Job } from '../../../../web/jobs/job.ts';
import { announcementOf } from '../../../../web/jobs/progress/announcements.ts';
import { at, deletionCounts, jobJson } from '../../../support/web/job-json.ts';

const deleting = (processed: number): Job =>
  jobJson({
    progress: { pass: 1, total: 1_000, processed, ratePerSecond: null, etaSeconds: null },
  });

test('each tenth of a phase is said, and nothing in between', () => {
  expect(announcementOf(deleting(10), deleting(99))).toBeUndefined();
  expect(announcementOf(deleting(99), deleting(100))).toBe('Deleting: 10 %.');
  expect(announcementOf(deleting(110), deleting(570))).toBe('Deleting: 50 %.');
  expect(announcementOf(deleting(570), deleting(400))).toBeUndefined();
});

test('a new phase is said, also the same one in the next pass', () => {
  const verifying = jobJson({ phase: 'verifyingBackup' });
  expect(announcementOf(verifying, deleting(0))).toBe('Deleting.');
  const again = jobJson({ progress: { ...deleting(0).progress, pass: 2 } });
  expect(announcementOf(deleting(900), again)).toBe('Deleting.');
});

test('the end is said once, with its sums', () => {
  const ended = jobJson({
    state: 'partiallySucceeded',
    phase: null,
    finishedAt: at(9),
    counts: deletionCounts({ deleted: 969, failed: 31 }),
  });
  expect(announcementOf(deleting(900), ended)).toBe('Done in part. 969 deleted, 31 not.');
  expect(announcementOf(ended, ended)).toBeUndefined();
});
