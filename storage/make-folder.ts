import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Most attempts to make a folder. Another process may remove its parent at the same time; after so
 * many attempts, something else is wrong.
 */
const MAX_ATTEMPTS = 20;

/**
 * Makes a folder and its missing parents. Node's `recursive` option reports ENOENT for a disk that
 * is full or read-only.
 *
 * @throws the system's error for the first folder that cannot be made
 */
export const makeFolder = async (folder: string): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(folder, { mode: 0o700 });
      return;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return;
      const isParentMissing = codeOf(error) === 'ENOENT' && dirname(folder) !== folder;
      if (!isParentMissing || attempt === MAX_ATTEMPTS) throw error;
    }
    await makeFolder(dirname(folder));
  }
};

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
