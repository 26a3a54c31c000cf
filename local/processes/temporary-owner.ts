import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readJson, writePrivateJson } from '../data-folder.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** A file in a temporary folder that identifies the process that made the folder. */
const OWNER_FILE = 'owner.json';

const ownerSchema = z.object({ pid: z.number(), startedAt: z.string().min(1) });

/** Marks a folder as temporary: its content may be removed once this process has ended. */
export const markTemporary = (folder: string): void =>
  writePrivateJson(join(folder, OWNER_FILE), identify(process.pid));

/**
 * Whether the process that made a temporary folder has ended. False for a folder without a mark,
 * which may be new, and for a folder whose mark cannot be read.
 */
export const isAbandoned = (folder: string): boolean => {
  const owner = ownerOf(folder);
  return owner !== undefined && !isAlive(owner);
};

/** The living process in whose temporary folder this folder is. */
export const findTemporaryOwner = (folder: string): ProcessIdentity | undefined => {
  const owner = ownerOf(nearestTemporary(folder));
  return owner !== undefined && isAlive(owner) ? owner : undefined;
};

/**
 * Keeps an abandoned temporary folder, because a person has started Keepsake on it or in it. Others
 * then no longer remove it.
 */
export const keepAbandoned = (folder: string): void => {
  const temporary = nearestTemporary(folder);
  if (isAbandoned(temporary)) rmSync(join(temporary, OWNER_FILE));
};

const ownerOf = (folder: string): ProcessIdentity | undefined => {
  try {
    return ownerSchema.parse(readJson(join(folder, OWNER_FILE)));
  } catch {
    return undefined;
  }
};

/** The folder, or the nearest one above it, that has a mark; or else the root. */
const nearestTemporary = (folder: string): string =>
  existsSync(join(folder, OWNER_FILE)) || dirname(folder) === folder
    ? folder
    : nearestTemporary(dirname(folder));
