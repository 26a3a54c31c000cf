import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { makeFolder } from './make-folder.ts';
import { putError, type Storage } from './storage.ts';

/** Checks of a folder that stores files: whether it can be written, and its free space. */
export const createRoomLook = (folder: string): Pick<Storage, 'check' | 'freeBytes'> => ({
  check: async () => {
    const probe = join(folder, `${uuidv7()}.probe`);
    try {
      await makeFolder(folder);
      await writeFile(probe, 'probe', { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw putError('', error);
    } finally {
      await rm(probe, { force: true }).catch(() => {});
    }
  },
  freeBytes: async () => {
    try {
      await makeFolder(folder);
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    } catch (error) {
      throw putError('', error);
    }
  },
});
