import { copyFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BUNDLE_FILES } from '../../../local/temporal/workflow-bundle.ts';

/** What is kept between runs: the workflows as the run's start has bundled them. */
export const CACHE_FOLDER = resolve('node_modules/.cache/keepsake');

/** The run's bundle of the workflows. */
export const WORKFLOW_BUNDLE = join(CACHE_FOLDER, BUNDLE_FILES.code);

/**
 * Spares a stack the seconds that bundling takes; it bundles itself where the sources are others by
 * then.
 */
export const shareWorkflowBundle = async (dataDir: string): Promise<void> => {
  for (const name of Object.values(BUNDLE_FILES)) {
    await copyFile(join(CACHE_FOLDER, name), join(dataDir, name));
  }
};
