import { activityInfo } from '@temporalio/activity';
import { failures } from './failures.ts';

/** The workflow run that called an activity. Temporal says so, not the input of the activity. */
export interface Caller {
  workflowId: string;
  runId: string;
  workflowType: string;
}

/** @throws noWorkflow for an activity that was started without a workflow */
export const callerOfActivity = (): Caller => {
  const { activityType, workflowExecution, workflowType } = activityInfo();
  if (workflowExecution === undefined || workflowType === undefined) {
    throw failures.noWorkflow(activityType);
  }
  return { ...workflowExecution, workflowType };
};
