import { ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { type SCHEDULES, SWEEP, SWEEP_SIGNALS } from '../../../workflows/contract.ts';

type ScheduleId = (typeof SCHEDULES)[number]['id'];

/** Has the sweep begin one round now, also while it is paused. */
export const sweepNow = (client: Client): Promise<void> =>
  client.workflow.getHandle(SWEEP.id).signal(SWEEP_SIGNALS.now);

/** Runs a schedule now; after the run that is under way, which would otherwise be all there is. */
export const triggerSchedule = (client: Client, id: ScheduleId): Promise<void> =>
  client.schedule.getHandle(id).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
