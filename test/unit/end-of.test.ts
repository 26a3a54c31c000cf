import {
  ApplicationFailure,
  CancelledFailure,
  DefaultFailureConverter,
  defaultPayloadConverter,
  type ProtoFailure,
} from '@temporalio/common';
import { expect, test } from 'vitest';
import { endOf } from '../../workflows/end-of.ts';

/** A failure as Temporal's server sends it, and as the SDK throws it in a workflow. */
const thrown = (cause: ProtoFailure): Error =>
  new DefaultFailureConverter().failureToError(
    {
      message: 'Activity task failed',
      activityFailureInfo: { activityType: { name: 'writeExport' } },
      cause,
    },
    defaultPayloadConverter,
  );

const away = (type: string | null): ProtoFailure => ({
  message: 'PostgreSQL is not available.',
  applicationFailureInfo: { type },
});

const timeout = (cause?: ProtoFailure): ProtoFailure => ({
  message: 'activity ScheduleToClose timeout',
  timeoutFailureInfo: { timeoutType: 2 },
  ...(cause !== undefined && { cause }),
});

const TIMED_OUT = {
  kind: 'failed',
  type: 'brokenOff',
  message: 'activity ScheduleToClose timeout',
};

test.each(['databaseUnavailable', 'databaseBusy', 'storageBroken'])(
  'a step that Temporal ends by its timeout has failed as its last attempt did: %s',
  (type) => {
    const end = { kind: 'failed', type, message: 'PostgreSQL is not available.' };
    expect(endOf(thrown(timeout(away(type))))).toEqual(end);
    expect(endOf(thrown(timeout(timeout(away(type)))))).toEqual(end);
    expect(endOf(thrown(away(type)))).toEqual(end);
  },
);

test('a step that timed out without a failure that has a type is interrupted', () => {
  expect(endOf(thrown(timeout()))).toEqual(TIMED_OUT);
  expect(endOf(thrown(timeout(timeout())))).toEqual(TIMED_OUT);
  expect(endOf(thrown(timeout(away(null))))).toEqual(TIMED_OUT);
});

test('the end keeps the numbers of a failure', () => {
  const data = { confirmed: 1, found: 2 };
  const failure = ApplicationFailure.nonRetryable('1 was confirmed.', 'selectionChanged', data);
  const end = { kind: 'failed', type: 'selectionChanged', message: '1 was confirmed.', data };
  expect(endOf(failure)).toEqual(end);
});

test('a cancelled job ends as cancelled, and any other error is an interruption', () => {
  expect(endOf(new CancelledFailure('cancelled'))).toEqual({ kind: 'cancelled' });
  expect(endOf(new Error('a bug'))).toEqual({ ...TIMED_OUT, message: 'a bug' });
  expect(endOf('a bug')).toEqual({ ...TIMED_OUT, message: 'The job failed.' });
});
