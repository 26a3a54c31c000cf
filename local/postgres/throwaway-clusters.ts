import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, sep } from 'node:path';
import { commandLineOf, isAlive } from '../processes/process-identity.ts';
import { type ClusterMark, isMarkedFor, readMark, usesCluster } from './cluster-mark.ts';

/** A cluster outside its data folder, on this host. */
interface MarkedCluster {
  home: string;
  mark: ClusterMark;
}

/**
 * Removes the clusters below `base` that tests or a demo made, if their process has ended, or if
 * their data folder was in `removed`. Every other cluster stays, because it may hold users: its
 * data folder may have been moved, or its disk may not be mounted.
 */
export const removeThrowaways = (base: string, removed?: string): void => {
  for (const { home, mark } of listClusters(base)) {
    if (mark.throwawayOf === undefined || isRunning(home)) continue;
    const isInRemoved = removed !== undefined && `${mark.dataDir}${sep}`.startsWith(removed + sep);
    if (isInRemoved || !isAlive(mark.throwawayOf)) rmSync(home, { recursive: true, force: true });
  }
};

/**
 * States for each cluster below `base` that no known data folder uses where it is, and how a person
 * attaches or removes it.
 *
 * @param current the cluster of this start
 */
export const describeUnused = (base: string, current: string | undefined): string[] =>
  listClusters(base)
    .filter(({ home, mark }) => home !== current && mark.throwawayOf === undefined)
    .filter(({ home, mark }) => !usesCluster(mark.dataDir, home) && !isRunning(home))
    .map(
      ({ home, mark: { dataDir } }) =>
        `The database in ${home} is kept, but its data folder ${dataDir} is missing, was replaced, ` +
        'or is on a disk that is not mounted: if that folder was moved, start Keepsake with it ' +
        `once, and if nobody needs the database, run: rm -r ${home}`,
    );

/** The cluster that is marked as that of a data folder, if there is one. */
export const findClusterOf = (base: string, dataDir: string): string[] =>
  listClusters(base)
    .filter(({ mark }) => mark.throwawayOf === undefined && isMarkedFor(mark, dataDir))
    .map(({ home }) => home);

/** A folder without a mark, or with one that cannot be read, is not listed. */
const listClusters = (base: string): MarkedCluster[] => {
  if (!existsSync(base)) return [];
  return readdirSync(base).flatMap((name) => {
    const home = join(base, name);
    const mark = readMark(home);
    return mark === undefined || mark.host !== hostname() ? [] : [{ home, mark }];
  });
};

const isRunning = (home: string): boolean => {
  const pidFile = join(home, 'data', 'postmaster.pid');
  if (!existsSync(pidFile)) return false;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  return commandLineOf(pid)?.includes(home) === true;
};
