import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { makeFolder } from './make-folder.ts';

const FILE_IN_ITS_PLACE = 'a file has its name, or the name of a folder above it';

const REASONS: Record<string, string> = {
  EROFS: 'its disk is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'its disk is full',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  ENOTDIR: FILE_IN_ITS_PLACE,
  EEXIST: FILE_IN_ITS_PLACE,
  ENOENT: 'it cannot be created, or it is a link to a folder that does not exist',
  ELOOP: 'it is a link to itself',
  ENAMETOOLONG: 'its path is too long',
};

/** An error that states in one sentence why a data folder cannot be used. */
export const dataFolderError = (dataDir: string, cause: unknown): Error => {
  const { code = 'unknown error', message } = cause as NodeJS.ErrnoException;
  return new Error(
    `Keepsake cannot use the data folder ${dataDir}, because ${REASONS[code] ?? message} (${code}): ` +
      'make it writable, or set KEEPSAKE_DATA_DIR to another folder.',
    { cause },
  );
};

/**
 * Makes the data folder if it does not exist, with access for its owner only.
 *
 * @throws Error with a message of one sentence when the folder cannot be made, read or written
 */
export const makeDataFolder = async (dataDir: string): Promise<void> => {
  try {
    await makeFolder(dataDir);
    await assertFolder(dataDir);
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw dataFolderError(dataDir, error);
  }
};

const assertFolder = async (path: string): Promise<void> => {
  if ((await stat(path)).isDirectory()) return;
  throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' });
};
