import { copyFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BUNDLE_FILES } from '../../../local/temporal/workflow-bundle.ts';

/** The cache between runs, with the workflow bundle of this run's start. */
export const CACHE_FOLDER = resolve('node_modules/.cache/keepsake');

/** The run's bundle of the workflows. */
export const WORKFLOW_BUNDLE = join(CACHE_FOLDER, BUNDLE_FILES.code);

/**
 * Copies the run's bundle into a data folder, which saves a stack some seconds. If the sources have
 * changed since, the stack bundles them itself.
 */
export const shareWorkflowBundle = async (dataDir: string): Promise<void> => {
  for (const name of Object.values(BUNDLE_FILES)) {
    await copyFile(join(CACHE_FOLDER, name), join(dataDir, name));
  }
};
