import type { Client } from '@temporalio/client';
import type { StartableDelivery } from '../../db/webhooks/webhook-deliveries.ts';
import { isTemporalThere } from '../../temporal/is-there.ts';
import { startDeliveryWorkflow } from '../../temporal/start-delivery.ts';
import { type PendingStep, pendingStepOf } from '../../temporal/pending-step.ts';
import { type StartableMail, startMailWorkflow } from '../../temporal/start-mail.ts';
import { type StartableJob, startJobWorkflow } from '../../temporal/start-job.ts';
import { type LiveState, STATE_QUERY, workflowIdOf } from '../../workflows/contracts/jobs.ts';

/** How long a read waits for Temporal, in milliseconds. */
const QUERY_DEADLINE_MS = 1_000;
const CANCEL_DEADLINE_MS = 3_000;

/**
 * Points where a fault test kills the API: before Temporal has a job, and before the response.
 */
export type ApiCrashPoint = 'job:written' | 'job:started';

/** The calls of the API to Temporal. */
export interface JobWorkflows {
  namespace: string;
  /** Starts the workflow of a job, if not started. @throws Error if Temporal is unavailable */
  start: (job: StartableJob) => Promise<void>;
  /**
   * Cancels the workflow of a job. @throws Error if Temporal is unavailable or has no such workflow
   */
  cancel: (job: Pick<StartableJob, 'id' | 'type'>) => Promise<void>;
  /** State that the workflow reports; undefined if no worker responds in time. */
  readLive: (job: Pick<StartableJob, 'id' | 'type'>) => Promise<LiveState | undefined>;
  /**
   * The step that the workflow of a job retries; undefined if there is none, or Temporal does
   * not respond in time.
   */
  readPendingStep: (job: Pick<StartableJob, 'id' | 'type'>) => Promise<PendingStep | undefined>;
  /**
   * Starts the workflow of a delivery, if not started. @throws Error if Temporal is unavailable
   */
  startDelivery: (delivery: StartableDelivery) => Promise<void>;
  /** Starts the workflow of a mail, if not started. @throws Error if Temporal is unavailable */
  startMail: (mail: StartableMail) => Promise<void>;
  isReachable: () => Promise<boolean>;
}

export const createJobWorkflows = (
  { client, namespace }: { client: Client; namespace: string },
  taskQueue: string,
  crashPoint: (point: ApiCrashPoint) => void = () => {},
): JobWorkflows => {
  const within = <T>(milliseconds: number, ask: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + milliseconds, ask);

  return {
    namespace,
    start: async (job) => {
      crashPoint('job:written');
      await startJobWorkflow(client, taskQueue, job);
      crashPoint('job:started');
    },
    cancel: async (job) => {
      const handle = client.workflow.getHandle(workflowIdOf(job));
      await within(CANCEL_DEADLINE_MS, () => handle.cancel());
    },
    readLive: async (job) => {
      const handle = client.workflow.getHandle(workflowIdOf(job));
      try {
        return await within(QUERY_DEADLINE_MS, () => handle.query<LiveState>(STATE_QUERY));
      } catch {
        return undefined;
      }
    },
    readPendingStep: async (job) => {
      try {
        const { pendingActivities } = await within(QUERY_DEADLINE_MS, () =>
          client.workflowService.describeWorkflowExecution({
            namespace,
            execution: { workflowId: workflowIdOf(job) },
          }),
        );
        return pendingStepOf(pendingActivities);
      } catch {
        return undefined;
      }
    },
    startDelivery: (delivery) => startDeliveryWorkflow(client, taskQueue, delivery),
    startMail: (mail) => startMailWorkflow(client, taskQueue, mail),
    isReachable: () => isTemporalThere(client, namespace),
  };
};
