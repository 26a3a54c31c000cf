import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../processes/keepsake-process.ts';

/** The folders with sources of the console: its own, and those that it may import. */
const FOLDERS = ['web', 'imports', 'rules', 'selection'];

/** Files outside of these folders that change the build. */
const FILES = ['local/console/build-console.ts', 'package-lock.json', 'tsconfig.json'];

/** Hashes all sources of the console, in an order that does not depend on the machine. */
export const hashConsoleSources = (): string => {
  const inFolders = FOLDERS.flatMap((folder) =>
    readdirSync(join(PROJECT_FOLDER, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name)),
  );
  const hash = createHash('sha256').update(process.version);
  for (const path of [
    ...inFolders,
    ...FILES.map((file) => join(PROJECT_FOLDER, file)),
  ].toSorted()) {
    hash.update(`\0${path}\0`).update(readFileSync(path));
  }
  return hash.digest('hex');
};
