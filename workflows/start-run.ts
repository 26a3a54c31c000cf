import { executeChild, ParentClosePolicy } from '@temporalio/workflow';
import { JOB_KINDS, workflowIdOf } from './contracts/jobs.ts';
import { JOB_ATTRIBUTE, WORKSPACE_ATTRIBUTE } from './contracts/search-attributes.ts';

export interface Run {
  jobId: string;
  /**
   * Whether the child workflow has ended, or could not be started because an earlier run started
   * it.
   */
  isOver: boolean;
}

/**
 * Starts the deletion that is a request's run. The job's row, not the child's result, says how the
 * deletion ended. If this workflow is terminated, the deletion goes on.
 */
export const startRun = (jobId: string, workspaceId: string): Run => {
  const run: Run = { jobId, isOver: false };
  const onEnd = () => {
    run.isOver = true;
  };
  executeChild(JOB_KINDS.deletion.workflowType, {
    workflowId: workflowIdOf({ id: jobId, type: 'deletion' }),
    args: [{ jobId }],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    typedSearchAttributes: [
      { key: JOB_ATTRIBUTE, value: 'deletion' },
      { key: WORKSPACE_ATTRIBUTE, value: workspaceId },
    ],
    staticSummary: `Delete all users of workspace ${workspaceId}`,
  }).then(onEnd, onEnd);
  return run;
};
