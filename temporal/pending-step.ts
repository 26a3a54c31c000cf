import type { temporal } from '@temporalio/proto';

type PendingActivity = temporal.api.workflow.v1.IPendingActivityInfo;

/** A step that waits for its next attempt. */
export interface PendingStep {
  /**
   * Of the last failure, as failed jobs have it; `stepTimedOut` where its worker fell silent, else
   * `error`.
   */
  type: string;
  /** Which attempt comes next, from 1. */
  attempt: number;
}

const typeOf = ({ lastFailure }: PendingActivity): string => {
  const application = lastFailure?.applicationFailureInfo?.type;
  if (application) return application;
  return lastFailure?.timeoutFailureInfo ? 'stepTimedOut' : 'error';
};

/** Of the steps that a workflow waits for the one that was tried most often; none that fails. */
export const pendingStepOf = (pending: readonly PendingActivity[]): PendingStep | undefined => {
  const [step] = pending
    .filter(({ lastFailure }) => lastFailure != null)
    .toSorted((a, b) => (b.attempt ?? 0) - (a.attempt ?? 0));
  return step && { type: typeOf(step), attempt: step.attempt ?? 1 };
};
