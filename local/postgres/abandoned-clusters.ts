import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readJson, writePrivateJson } from '../data-folder.ts';
import { commandLineOf } from '../processes/process-identity.ts';

/** Names the data folder to which a cluster outside that folder belongs. */
const OWNER_FILE = 'belongs-to.json';

const ownerSchema = z.object({
  /** The real path of the data folder. */
  dataDir: z.string(),
  /**
   * The device of the data folder's file system. If that is not mounted now, the folder is not
   * lost.
   */
  device: z.number(),
  /** The host's name: other machines and containers have other folders with the same path. */
  host: z.string(),
});

type Owner = z.infer<typeof ownerSchema>;

export const markOwner = (home: string, dataDir: string): void => {
  const owner: Owner = { dataDir, device: statSync(dataDir).dev, host: hostname() };
  writePrivateJson(join(home, OWNER_FILE), owner);
};

/**
 * Removes the clusters below `base` whose data folder no longer exists. Also removes those of
 * `dataDir`, which the caller has locked, except `current`. A cluster without our mark, or that may
 * still be in use, stays.
 */
export const sweepAbandonedClusters = (
  base: string,
  dataDir: string | undefined,
  current: string | undefined,
): void => {
  if (!existsSync(base)) return;
  for (const name of readdirSync(base)) {
    const home = join(base, name);
    const owner = home === current ? undefined : ownerOf(home);
    if (owner === undefined || owner.host !== hostname() || isRunning(home)) continue;
    const isGone = owner.dataDir === dataDir || !existsSync(owner.dataDir);
    const isSameDisk = statSync(nearestThere(owner.dataDir)).dev === owner.device;
    if (isGone && isSameDisk) rmSync(home, { recursive: true, force: true });
  }
};

const ownerOf = (home: string): Owner | undefined => {
  try {
    return ownerSchema.parse(readJson(join(home, OWNER_FILE)));
  } catch {
    return undefined;
  }
};

const isRunning = (home: string): boolean => {
  const pidFile = join(home, 'data', 'postmaster.pid');
  if (!existsSync(pidFile)) return false;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  return commandLineOf(pid)?.includes(home) === true;
};

const nearestThere = (path: string): string =>
  existsSync(path) ? path : nearestThere(dirname(path));
