import { log } from '@temporalio/activity';
import { listUnverifiedExports } from '../../db/exports/exports.ts';
import { exportPrefix } from '../../files/part-key.ts';
import type { ActivityDeps } from '../deps.ts';
import { createFinishJob } from './finish-job.ts';
import { type DeliverySweepDeps, startDeliveriesOf } from '../webhooks/start-deliveries.ts';

/** Removes the unverified files of an ended job. No user was deleted by them. */
export const removeUnverifiedFiles = async (
  { database, storage }: Pick<ActivityDeps, 'database' | 'storage'>,
  jobId: string,
): Promise<void> => {
  for (const { id } of await listUnverifiedExports(database.db, jobId)) {
    await storage.remove(exportPrefix(id));
  }
};

/** Stores a job's end, logs it, starts its webhook deliveries, and removes unverified files. */
export const createEndJob = (
  deps: ActivityDeps & Omit<DeliverySweepDeps, 'webhooks'>,
): ReturnType<typeof createFinishJob> => {
  const finishJob = createFinishJob(deps);
  return async (input) => {
    const { jobId } = input;
    const result = await finishJob(input);
    const { state, counts, error } = result;
    const why = error && { errorType: error.type, errorMessage: error.message };
    log.info('job ended', { jobId, state, counts, ...why });
    // Not awaited: the sweep starts the deliveries that are not started here.
    void startDeliveriesOf(deps, jobId).catch((cause: unknown) =>
      log.warn('the notices of a job were not started', { jobId, error: cause }),
    );
    // The end is stored. A file that cannot be removed is no reason to retry.
    await removeUnverifiedFiles(deps, jobId).catch((cause: unknown) =>
      log.warn('files that were never verified could not be removed', { jobId, error: cause }),
    );
    return result;
  };
};
