import { log } from '@temporalio/activity';
import { listUnverifiedExports } from '../../db/exports/exports.ts';
import { exportPrefix } from '../../files/part-key.ts';
import type { ActivityDeps } from '../deps.ts';
import { createFinishJob } from './finish-job.ts';
import { type DeliverySweepDeps, startDeliveriesOf } from '../webhooks/start-deliveries.ts';

/** Removes what an ended job has written and never verified: nobody can have been deleted by it. */
export const removeUnverifiedFiles = async (
  { database, storage }: Pick<ActivityDeps, 'database' | 'storage'>,
  jobId: string,
): Promise<void> => {
  for (const { id } of await listUnverifiedExports(database.db, jobId)) {
    await storage.remove(exportPrefix(id));
  }
};

/**
 * Stores a job's end, says so in the log and to webhooks, and clears away what is of no use any
 * more.
 */
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
    // Nobody waits for it, and the sweep finds what is not started here.
    void startDeliveriesOf(deps, jobId).catch((cause: unknown) =>
      log.warn('what is to be told of a job was not started', { jobId, error: cause }),
    );
    // The end is stored: files left behind are no reason to try it again.
    await removeUnverifiedFiles(deps, jobId).catch((cause: unknown) =>
      log.warn('files that were never verified could not be removed', { jobId, error: cause }),
    );
    return result;
  };
};
