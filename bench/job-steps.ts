import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';

/** An activity of a workflow. Times are in milliseconds after the workflow's start. */
export interface Step {
  name: string;
  scheduledMs: number;
  startedMs: number;
  endedMs: number;
}

/**
 * The times of each activity of a finished workflow, from its history. Local activities are not
 * included.
 */
export const readSteps = async (client: Client, workflowId: string): Promise<Step[]> => {
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  const events = history.events ?? [];
  const start = optionalTsToMs(events[0]?.eventTime) ?? 0;
  const steps = new Map<string, Step>();
  for (const event of events) {
    const at = (optionalTsToMs(event.eventTime) ?? 0) - start;
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const name = scheduled.activityType?.name ?? '';
      steps.set(String(event.eventId), { name, scheduledMs: at, startedMs: at, endedMs: at });
    }
    const started = steps.get(String(event.activityTaskStartedEventAttributes?.scheduledEventId));
    if (started) started.startedMs = at;
    const ended = steps.get(String(event.activityTaskCompletedEventAttributes?.scheduledEventId));
    if (ended) ended.endedMs = at;
  }
  return [...steps.values()];
};
