import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Others may remove a folder while the next one is made in it; so often, something else is wrong.
 */
const MAX_ATTEMPTS = 20;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/**
 * Makes a folder and those above it that are missing. Node's own way says ENOENT of a disk that is
 * full or read-only.
 *
 * @throws the system's error, of the first folder that cannot be made
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
