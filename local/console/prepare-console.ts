import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '../data-folder.ts';
import { runScript } from '../processes/keepsake-process.ts';
import { hashConsoleSources } from './console-sources.ts';

/**
 * Builds the console into a data folder, in a process of its own: a build uses a core for seconds,
 * and the supervisor must handle signals.
 *
 * @returns the folder of the build; an existing build is used if its sources have not changed
 */
export const prepareConsole = async (dataDir: string, signal?: AbortSignal): Promise<string> => {
  const folder = join(dataDir, 'console');
  // In the folder of the build, which each build empties first: an interrupted build has no hash.
  const hashFile = join(folder, 'sources.sha256');
  const wanted = hashConsoleSources();
  if (existsSync(hashFile) && readFileSync(hashFile, 'utf8') === wanted) return folder;
  await runScript('local/console/build-console.ts', [folder], signal);
  writePrivateFile(hashFile, wanted);
  return folder;
};
