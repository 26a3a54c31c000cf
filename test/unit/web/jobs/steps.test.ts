import { expect, test } from 'vitest';
import { passesOf, shareOf } from '../../../../web/jobs/progress/steps.ts';
import { at, atMs, deletionCounts, jobJson, phaseRun } from '../../../support/web/job-json.ts';

const BEFORE = [phaseRun('backingUp', [0, 9]), phaseRun('verifyingBackup', [9, 13])];

/** The steps of each pass as short texts. */
const shown = (...args: Parameters<typeof passesOf>) =>
  passesOf(...args).map(({ steps }) =>
    steps.map(({ phase, state, seconds, share }) => [phase, state, share ?? seconds]),
  );

test('a running deletion shows past steps with their time, the present one with its share, and those to come', () => {
  const job = jobJson({
    progress: { pass: 1, total: 12_400, processed: 5_208, ratePerSecond: 1_000, etaSeconds: 8 },
    phases: [...BEFORE, phaseRun('deleting', [13])],
  });
  expect(shown(job, true, atMs(20))).toEqual([
    [
      ['backingUp', 'done', 9],
      ['verifyingBackup', 'done', 4],
      ['deleting', 'active', 0.42],
      ['notifying', 'waiting', null],
    ],
  ]);
});

test('a second pass opens under the first, and the mail comes after the last', () => {
  const job = jobJson({
    phase: 'backingUp',
    progress: { pass: 2, total: 12, processed: 3, ratePerSecond: null, etaSeconds: null },
    phases: [
      ...BEFORE,
      phaseRun('deleting', [13, 40]),
      phaseRun('settling', [40, 40.4]),
      phaseRun('backingUp', [41], { pass: 2, total: 12 }),
    ],
  });
  const passes = passesOf(job, true, atMs(42));
  expect(passes.map(({ number, total }) => [number, total])).toEqual([
    [1, 12_400],
    [2, 12],
  ]);
  expect(shown(job, true, atMs(42))).toEqual([
    // Settling took less than a second, so it is no step.
    [
      ['backingUp', 'done', 9],
      ['verifyingBackup', 'done', 4],
      ['deleting', 'done', 27],
    ],
    [
      ['backingUp', 'active', 0.25],
      ['verifyingBackup', 'waiting', null],
      ['deleting', 'waiting', null],
      ['notifying', 'waiting', null],
    ],
  ]);
});

test('a step that was interrupted is not done, nor are those after it', () => {
  const job = jobJson({
    state: 'cancelled',
    phase: null,
    finishedAt: at(30),
    counts: deletionCounts({ deleted: 8_000, unprocessed: 4_400 }),
    phases: [
      ...BEFORE,
      phaseRun('deleting', [13, 25], { processed: 8_000 }),
      phaseRun('settling', [25, 30]),
    ],
  });
  expect(shown(job, false, atMs(99))).toEqual([
    [
      ['backingUp', 'done', 9],
      ['verifyingBackup', 'done', 4],
      ['deleting', 'stopped', 12],
      ['settling', 'done', 5],
    ],
  ]);
  const early = jobJson({ ...job, state: 'failed', phases: [phaseRun('backingUp', [0, 3])] });
  expect(shown(early, false, atMs(99))[0]).toEqual([
    ['backingUp', 'stopped', 3],
    ['verifyingBackup', 'stopped', null],
    ['deleting', 'stopped', null],
  ]);
});

test('the mail is done once the provider has it, and not done if it is refused', () => {
  const mail = {
    kind: 'finished',
    round: 1,
    since: at(3),
    attempts: 1,
    reason: null,
    waitsUntil: null,
  };
  const ended = { type: 'restore', state: 'succeeded', phase: null, finishedAt: at(2) } as const;
  const last = (state: 'accepted' | 'refused' | 'waiting') =>
    passesOf(jobJson({ ...ended, mail: [{ ...mail, state }] }), true, atMs(9))[0]!.steps.at(-1)!;
  expect(last('accepted').state).toBe('done');
  expect(last('refused').state).toBe('stopped');
  expect(last('waiting').state).toBe('waiting');
});

test('a share is known only where users are counted', () => {
  const progress = { pass: 1, total: 100, processed: 25, ratePerSecond: null, etaSeconds: null };
  expect(shareOf(jobJson({ progress }))).toBe(0.25);
  expect(shareOf(jobJson({ progress, phase: 'verifyingBackup' }))).toBeNull();
  expect(shareOf(jobJson({ progress: { ...progress, total: null } }))).toBeNull();
  expect(shareOf(jobJson({ progress: { ...progress, processed: 130 } }))).toBe(1);
});
