import { activityInfo } from '@temporalio/activity';
import { failures } from './failures.ts';

/** The workflow run that an activity serves, by Temporal's word and not by that of its input. */
export interface Caller {
  workflowId: string;
  runId: string;
  workflowType: string;
}

/** @throws noWorkflow of an activity that somebody has started by itself */
export const callerOfActivity = (): Caller => {
  const { activityType, workflowExecution, workflowType } = activityInfo();
  if (workflowExecution === undefined || workflowType === undefined) {
    throw failures.noWorkflow(activityType);
  }
  return { ...workflowExecution, workflowType };
};
