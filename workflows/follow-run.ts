import { executeChild, ParentClosePolicy } from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import { JOB_KINDS, workflowIdOf } from './contract.ts';

const jobAttribute = defineSearchAttributeKey('KeepsakeJob', 'KEYWORD');
const workspaceAttribute = defineSearchAttributeKey('KeepsakeWorkspace', 'KEYWORD');

export interface Run {
  jobId: string;
  /** The child's workflow is over, or was started by an earlier run of this one. */
  isOver: boolean;
}

/**
 * Starts the deletion that is a request's run. How it ended is not taken from here but from the
 * job's row; whoever terminates this workflow leaves the deletion running.
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
      { key: jobAttribute, value: 'deletion' },
      { key: workspaceAttribute, value: workspaceId },
    ],
    staticSummary: `Delete all users of workspace ${workspaceId}`,
  }).then(onEnd, onEnd);
  return run;
};
