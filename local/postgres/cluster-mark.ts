import { existsSync, realpathSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writePrivateJson } from '../data-folder.ts';
import type { ProcessIdentity } from '../processes/process-identity.ts';

/** Names the data folder to which a cluster outside that folder belongs. */
const MARK_FILE = 'belongs-to.json';

/** The link in a data folder to a cluster outside, or the folder with the cluster. */
export const CLUSTER_NAME = 'postgres';

const markSchema = z.object({
  /** The real path of the data folder at the last start. */
  dataDir: z.string(),
  /** The data folder's file system, and its number there. They stay when it is renamed. */
  device: z.number(),
  inode: z.number().optional(),
  /** The host's name: other machines and containers have other folders with the same path. */
  host: z.string(),
  /** Set only if tests or a demo made the cluster: it may be removed once this process ended. */
  throwawayOf: z.object({ pid: z.number(), startedAt: z.string().min(1) }).optional(),
});

export type ClusterMark = z.infer<typeof markSchema>;

/** The mark of a cluster. Undefined if there is none, or if it cannot be read. */
export const readMark = (home: string): ClusterMark | undefined => {
  try {
    return markSchema.parse(readJson(join(home, MARK_FILE)));
  } catch {
    return undefined;
  }
};

/** Marks a new cluster. @param throwawayOf the process with which its data may end */
export const markNewCluster = (
  home: string,
  dataDir: string,
  throwawayOf: ProcessIdentity | undefined,
): void => {
  const { dev: device, ino: inode } = statSync(dataDir);
  const mark = { dataDir: realpathSync(dataDir), device, inode, host: hostname(), throwawayOf };
  writePrivateJson(join(home, MARK_FILE), mark satisfies ClusterMark);
};

/**
 * Marks an existing cluster with the present path of its data folder. The cluster stays a throwaway
 * only if this start is one, too.
 *
 * @throws Error when the cluster belongs to another data folder, or may belong to one
 */
export const renewMark = (
  home: string,
  dataDir: string,
  throwawayOf: ProcessIdentity | undefined,
): void => {
  const known = readMark(home);
  if (known !== undefined) assertOriginal(home, dataDir, known);
  markNewCluster(home, dataDir, known?.throwawayOf && throwawayOf);
};

/** Whether a data folder has a link to the cluster. */
export const usesCluster = (dataDir: string, home: string): boolean => {
  const link = join(dataDir, CLUSTER_NAME);
  return existsSync(link) && realpathSync(link) === realpathSync(home);
};

/** Whether a cluster is marked as that of a data folder, under its present or its former path. */
export const isMarkedFor = (mark: ClusterMark, dataDir: string): boolean => {
  const { dev, ino } = statSync(dataDir);
  const isSamePath = mark.dataDir === realpathSync(dataDir);
  return isSamePath || (mark.device === dev && mark.inode === ino);
};

/** A copy of a data folder has a link to the same cluster. Its jobs would act on the original's. */
const assertOriginal = (home: string, dataDir: string, known: ClusterMark): void => {
  if (isMarkedFor(known, dataDir)) return;
  const toTakeOver =
    `To use the database with ${dataDir} only, stop Keepsake, remove ${join(home, MARK_FILE)}, ` +
    `and start again with ${dataDir}.`;
  if (usesCluster(known.dataDir, home)) {
    throw new Error(
      `${dataDir} is a copy of the data folder ${known.dataDir}: both have a link to the database ` +
        `in ${home}, which belongs to ${known.dataDir}. Start Keepsake with that folder. ${toTakeOver}`,
    );
  }
  // Earlier versions did not store the number, nor the new path of a folder that was moved.
  if (known.inode === undefined) return;
  throw new Error(
    `The database in ${home} belongs to the data folder ${known.dataDir}, which is missing, and ` +
      `${dataDir} may be a copy of it. If the original was moved, start Keepsake with it. ${toTakeOver}`,
  );
};
