import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { ErrorData, JobEnd } from './contracts/jobs.ts';

const BROKEN_OFF = 'brokenOff';

/**
 * The end of a job whose steps threw this error. A step that Temporal has ended by its timeout has
 * failed as its last attempt did, if that attempt stated a type.
 */
export const endOf = (error: unknown): JobEnd => {
  if (isCancellation(error)) return { kind: 'cancelled' };
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) return endOfTimeout(cause);
  const failure = cause instanceof ApplicationFailure ? cause : undefined;
  const [data] = (failure?.details ?? []) as (ErrorData | undefined)[];
  return {
    kind: 'failed',
    type: failure?.type ?? BROKEN_OFF,
    message: cause instanceof Error ? cause.message : 'The job failed.',
    ...(data !== undefined && { data }),
  };
};

/** The SDK leaves out the cause of a timeout. Only the failure as the server sent it has one. */
const endOfTimeout = ({ failure, message }: TimeoutFailure): JobEnd => {
  for (let one = failure; one; one = one.cause ?? undefined) {
    const type = one.applicationFailureInfo?.type;
    if (type) return { kind: 'failed', type, message: one.message ?? message };
  }
  return { kind: 'failed', type: BROKEN_OFF, message };
};
