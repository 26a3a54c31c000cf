import { ScheduleOverlapPolicy, type Client } from '@temporalio/client';

/** Runs a schedule now; after the run that is under way, which would otherwise be all there is. */
export const triggerSchedule = (client: Client, id: string): Promise<void> =>
  client.schedule.getHandle(id).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
