import type { temporal } from '@temporalio/proto';

type PendingActivity = temporal.api.workflow.v1.IPendingActivityInfo;

/** A step that waits for its next attempt. */
export interface PendingStep {
  /**
   * The type of the last failure, as for failed jobs; `stepTimedOut` if a timeout ended the
   * attempt, `error` for any other failure.
   */
  type: string;
  /** The number of the next attempt, from 1. */
  attempt: number;
}

/**
 * The most often tried step among those that a workflow waits for. Undefined if none has failed.
 */
export const pendingStepOf = (pending: readonly PendingActivity[]): PendingStep | undefined => {
  const [step] = pending
    .filter(({ lastFailure }) => lastFailure != null)
    .toSorted((a, b) => (b.attempt ?? 0) - (a.attempt ?? 0));
  return step && { type: typeOf(step), attempt: step.attempt ?? 1 };
};

const typeOf = ({ lastFailure }: PendingActivity): string => {
  const application = lastFailure?.applicationFailureInfo?.type;
  if (application) return application;
  return lastFailure?.timeoutFailureInfo ? 'stepTimedOut' : 'error';
};
