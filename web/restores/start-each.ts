import { type Problem, problemOf } from '../api/problem.ts';
import { isPassing } from '../api/retried-call.ts';

/** How the restores of some backups were answered. At least one has started. */
export interface StartedRestores<Job> {
  jobs: Job[];
  /** Why others were refused. */
  refused: Problem[];
}

/**
 * Starts a restore for each backup, one after another. A refusal of one does not hide that another
 * has started.
 *
 * @throws Problem if all are refused, or if the server is away: the call then repeats all of them
 *   with the same keys. `data.started` is the number of those that have started
 */
export const startEach = async <Backup, Job>(
  backups: readonly Backup[],
  start: (backup: Backup) => Promise<Job>,
): Promise<StartedRestores<Job>> => {
  const jobs: Job[] = [];
  const refused: Problem[] = [];
  for (const backup of backups) {
    try {
      jobs.push(await start(backup));
    } catch (error) {
      const problem = problemOf(error);
      if (isPassing(problem)) throw withStarted(problem, jobs.length);
      refused.push(problem);
    }
  }
  const [first] = refused;
  if (jobs.length === 0 && first !== undefined) throw first;
  return { jobs, refused };
};

const withStarted = (problem: Problem, started: number): Problem =>
  started === 0 ? problem : Object.assign(problem, { data: { ...problem.data, started } });
