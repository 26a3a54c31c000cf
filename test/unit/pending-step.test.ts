import { expect, test } from 'vitest';
import { pendingStepOf } from '../../temporal/pending-step.ts';

test('the failing step with the most attempts is reported, with the type of its failure', () => {
  expect(pendingStepOf([])).toBeUndefined();
  expect(pendingStepOf([{ attempt: 1 }])).toBeUndefined();
  expect(
    pendingStepOf([
      { attempt: 2, lastFailure: { timeoutFailureInfo: {} } },
      { attempt: 7, lastFailure: { applicationFailureInfo: { type: 'databaseUnavailable' } } },
      { attempt: 9 },
    ]),
  ).toEqual({ type: 'databaseUnavailable', attempt: 7 });
  expect(pendingStepOf([{ attempt: 2, lastFailure: { timeoutFailureInfo: {} } }])).toEqual({
    type: 'stepTimedOut',
    attempt: 2,
  });
  expect(pendingStepOf([{ attempt: 3, lastFailure: { message: 'canary' } }])).toEqual({
    type: 'error',
    attempt: 3,
  });
});
