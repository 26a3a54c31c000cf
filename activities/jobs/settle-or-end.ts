import { refusalOf } from '../../db/connections/refusal.ts';
import { isContended, isDatabaseAway, isDenied } from '../../db/connections/sql-states.ts';
import type { Db } from '../../db/client.ts';
import { secondsInPhase } from '../../db/jobs/job-runs.ts';

/**
 * How long, in seconds, the users of an interrupted job are settled again after an error that no
 * retry should change. A missing grant may be given back within a day.
 */
const PATIENCE_SECONDS = 60;
const PATIENCE_WHEN_DENIED_SECONDS = 24 * 60 * 60;

/**
 * Gives outcomes to the users of an interrupted job, which is in the phase `settling`. If that
 * fails for good, as after a change of the table, the job must end all the same. Then its users
 * without an outcome are counted as unprocessed, and not named.
 *
 * @returns whether all users have an outcome
 * @throws the error of `settle`, which is to be tried again
 */
export const settleOrEnd = async (
  db: Db,
  jobId: string,
  settle: () => Promise<void>,
): Promise<boolean> => {
  try {
    await settle();
    return true;
  } catch (error) {
    if (passes(error)) throw error;
    const patience = isDenied(error) ? PATIENCE_WHEN_DENIED_SECONDS : PATIENCE_SECONDS;
    if ((await secondsInPhase(db, jobId)) < patience) throw error;
    return false;
  }
};

/** Whether waiting helps: the server is away or busy, or the connection is refused as it is. */
const passes = (error: unknown): boolean =>
  isDatabaseAway(error) ||
  isContended(error) ||
  (!isDenied(error) && refusalOf(error) !== undefined);
