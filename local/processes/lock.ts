import { randomBytes } from 'node:crypto';
import { linkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writePrivateJson } from '../data-folder.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

const ATTEMPTS = 5;

/**
 * Lets only this process run a stack on the data folder.
 *
 * @returns the function that releases the folder
 * @throws Error when a living process holds the lock
 */
export const lockDataFolder = (dataDir: string): (() => void) => {
  const path = join(dataDir, 'lock.json');
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writePrivateJson(draft, identify(process.pid));
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      // Unlike a rename, a link fails when the name is taken.
      if (tryLink(draft, path)) return () => rmSync(path, { force: true });
      const owner = readOwner(path);
      if (owner !== undefined && isAlive(owner)) {
        throw new Error(
          `Keepsake already runs on the data folder ${dataDir} (process ${owner.pid}). ` +
            'Stop that process first, or set KEEPSAKE_DATA_DIR to another folder.',
        );
      }
      removeStale(path);
    }
    throw new Error(`The lock ${path} changes its owner repeatedly. Start Keepsake only once.`);
  } finally {
    rmSync(draft, { force: true });
  }
};

const tryLink = (draft: string, path: string): boolean => {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
};

const readOwner = (path: string): ProcessIdentity | undefined => {
  try {
    return readJson(path) as ProcessIdentity | undefined;
  } catch {
    return undefined;
  }
};

/** Removes the lock of a dead owner. It uses a rename, so that only one of two starts does this. */
const removeStale = (path: string): void => {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const owner = readOwner(aside);
  // Another start was faster, and this is its new lock: put it back.
  if (owner !== undefined && isAlive(owner)) tryLink(aside, path);
  rmSync(aside, { force: true });
};
