import { expect, test } from 'vitest';
import {
  ratePointsOf,
  ratesOf,
  type Sample,
  withSample,
} from '../../../../web/jobs/progress/rates.ts';
import { jobJson, phaseRun } from '../../../support/web/job-json.ts';

/** Samples of deleting in the first pass: pairs of seconds and users. */
const samples = (...pairs: [number, number][]): Sample[] =>
  pairs.map(([elapsed, processed]) => ({ phase: 'deleting', pass: 1, elapsed, processed }));

const deleting = (processed: number, ratePerSecond: number | null) =>
  jobJson({ progress: { pass: 1, total: 12_400, processed, ratePerSecond, etaSeconds: null } });

test('a sample is taken where the users have moved, by the clock of the server', () => {
  const first = withSample([], deleting(500, 100));
  expect(first).toEqual(samples([5, 500]));
  expect(withSample(first, deleting(500, 50))).toBe(first);
  expect(withSample(first, deleting(0, null))).toBe(first);
  expect(withSample(first, deleting(900, 150))).toEqual(samples([5, 500], [6, 900]));
});

test('a step that is tried again begins anew', () => {
  expect(withSample(samples([5, 500]), deleting(40, 20))).toEqual(samples([2, 40]));
});

test('many samples are thinned, and the last one stays', () => {
  let seen: readonly Sample[] = [];
  for (let second = 1; second <= 2_000; second++) {
    seen = withSample(seen, deleting(second * 10, 10));
  }
  expect(seen.length).toBeLessThanOrEqual(240);
  expect(seen.at(-1)!.processed).toBe(20_000);
});

test('where nobody looked, the rate is the average of the phase', () => {
  const phases = [
    phaseRun('backingUp', [0, 10], { processed: 1_000 }),
    phaseRun('verifyingBackup', [10, 12]),
    phaseRun('deleting', [12]),
  ];
  // The page was opened 4 s after the deletion had begun.
  expect(ratePointsOf(phases, samples([4, 800], [6, 900]))).toEqual([
    { at: 0, rate: 100 },
    { at: 10, rate: 100 },
    { at: 12, rate: 200 },
    { at: 16, rate: 200 },
    { at: 18, rate: 50 },
  ]);
});

test('the average is over the time in which users are counted', () => {
  const phases = [phaseRun('backingUp', [0, 10], { processed: 1_000 }), phaseRun('deleting', [12])];
  expect(ratesOf(phases, samples([4, 800], [6, 900]))).toEqual({
    average: 1_900 / 16,
    highest: 200,
  });
  expect(ratesOf([phaseRun('deleting', [0])], [])).toBeUndefined();
});
