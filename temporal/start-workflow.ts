import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { JOB_ATTRIBUTE, WORKSPACE_ATTRIBUTE } from '../workflows/contracts/search-attributes.ts';

/** The longest wait for Temporal to accept a workflow, in milliseconds. */
const START_DEADLINE_MS = 5_000;

/** A workflow to start. It must hold no user's data. */
export interface StartableWorkflow {
  type: string;
  id: string;
  input: object;
  /** The value of the search attribute `KeepsakeJob`. */
  job: string;
  workspaceId: string;
  /** The summary in Temporal's UI: one line. */
  summary: string;
  /** Whether a workflow that has ended may be started again. False if not given. */
  mayRunAgain?: boolean;
}

/**
 * Starts a workflow. Succeeds also if a workflow with this id runs or ran already, so it can be
 * called again.
 *
 * @throws Error when Temporal did not answer in time; the workflow may have started nevertheless
 */
export const startWorkflow = async (
  client: Client,
  taskQueue: string,
  { type, id, input, job, workspaceId, summary, mayRunAgain = false }: StartableWorkflow,
): Promise<void> => {
  const start = () =>
    client.workflow.start(type, {
      workflowId: id,
      taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: mayRunAgain ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
      typedSearchAttributes: [
        { key: JOB_ATTRIBUTE, value: job },
        { key: WORKSPACE_ATTRIBUTE, value: workspaceId },
      ],
      staticSummary: summary,
    });
  try {
    await client.connection.withDeadline(Date.now() + START_DEADLINE_MS, start);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
};
