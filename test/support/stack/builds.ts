import { copyFile, cp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { programArguments } from '../../../local/processes/keepsake-process.ts';
import { programOf, PROGRAMS_FOLDER } from '../../../local/processes/programs.ts';
import { BUNDLE_FILES } from '../../../local/temporal/workflow-bundle.ts';

/** The cache between runs, with the workflow bundle of this run's start. */
export const CACHE_FOLDER = resolve('node_modules/.cache/keepsake');

/** The build of the console of this run's start. */
export const CONSOLE_FOLDER = join(CACHE_FOLDER, 'console');

/** The run's bundle of the workflows. */
export const WORKFLOW_BUNDLE = join(CACHE_FOLDER, BUNDLE_FILES.code);

/** The main files of the processes that tests start. */
export const MAIN_FILES = [
  'api/main.ts',
  'worker/main.ts',
  'test/support/stack/crashing-api.ts',
  'test/support/stack/crashing-worker.ts',
  'test/support/stack/registering-worker.ts',
  'test/support/stack/stopping-worker.ts',
];

/** Arguments for `node` that run a main file, as compiled at the start of the run. */
export const argumentsFor = (file: string): string[] =>
  programArguments(programOf(CACHE_FOLDER, file));

/**
 * Copies the run's builds into a data folder, which saves a stack some seconds. If the sources have
 * changed since, the stack builds them itself.
 */
export const shareBuilds = async (dataDir: string): Promise<void> => {
  for (const name of Object.values(BUNDLE_FILES)) {
    await copyFile(join(CACHE_FOLDER, name), join(dataDir, name));
  }
  const programs = join(CACHE_FOLDER, PROGRAMS_FOLDER);
  await cp(programs, join(dataDir, PROGRAMS_FOLDER), { recursive: true, verbatimSymlinks: true });
};
