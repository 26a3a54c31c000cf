import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dataFolderError, makeDataFolder } from '../storage/data-folder.ts';
import { makeFolder } from '../storage/make-folder.ts';

/**
 * Creates the data folder, readable only by its owner.
 *
 * @throws Error in one sentence when it cannot be created or written to
 */
export const openDataFolder = async (dataDir: string): Promise<void> => {
  await makeDataFolder(dataDir);
  try {
    // Writes a byte, because on a full disk an empty file can still be created.
    const probe = join(dataDir, '.writable');
    writeFileSync(probe, '.');
    rmSync(probe, { force: true });
    await makeFolder(join(dataDir, 'logs'));
  } catch (error) {
    throw dataFolderError(dataDir, error);
  }
};

/**
 * Writes a file that only its owner may read, atomically: a reader sees the old or the new file.
 */
export const writePrivateFile = (path: string, text: string): void => {
  const draft = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
};

export const writePrivateJson = (path: string, value: unknown): void =>
  writePrivateFile(path, `${JSON.stringify(value, null, 2)}\n`);

/** The parsed file, or undefined when there is no such file. @throws Error when it is not JSON */
export const readJson = (path: string): unknown => {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} is damaged: ${(error as Error).message}`, { cause: error });
  }
};
