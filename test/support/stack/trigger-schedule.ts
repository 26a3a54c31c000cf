import { ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { type SCHEDULES, SWEEP, SWEEP_SIGNALS } from '../../../workflows/contracts/jobs.ts';

type ScheduleId = (typeof SCHEDULES)[number]['id'];

/** Makes the sweep begin a round now, even while it is paused. */
export const sweepNow = (client: Client): Promise<void> =>
  client.workflow.getHandle(SWEEP.id).signal(SWEEP_SIGNALS.now);

/** Runs a schedule now. Buffered after a current run, so that the trigger is not skipped. */
export const triggerSchedule = (client: Client, id: ScheduleId): Promise<void> =>
  client.schedule.getHandle(id).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
