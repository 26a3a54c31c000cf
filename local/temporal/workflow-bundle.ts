import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '../data-folder.ts';
import { PROJECT_FOLDER, runScript } from '../processes/keepsake-process.ts';

/** The bundle, and the hash of its sources. */
export const BUNDLE_FILES = { code: 'workflow-bundle.js', hash: 'workflow-bundle.sha256' };

/**
 * Bundles the workflows before the worker starts. Otherwise each restart of a worker would take
 * seconds longer.
 *
 * @returns the bundle's path; an existing bundle is used if its sources have not changed
 */
export const prepareWorkflowBundle = async (
  dataDir: string,
  signal?: AbortSignal,
): Promise<string> => {
  const bundle = join(dataDir, BUNDLE_FILES.code);
  const hashFile = join(dataDir, BUNDLE_FILES.hash);
  const wanted = inputHash();
  const isThere = existsSync(bundle) && existsSync(hashFile);
  if (isThere && readFileSync(hashFile, 'utf8') === wanted) return bundle;
  await runScript('local/temporal/bundle-workflows.ts', [bundle], signal);
  writePrivateFile(hashFile, wanted);
  return bundle;
};

/**
 * Hashes the sources of the bundle. Workflows import only from their own folder and from packages,
 * so these files are sufficient.
 */
const inputHash = (): string => {
  const folder = join(PROJECT_FOLDER, 'workflows');
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .toSorted()
    .map((name) => join(folder, name));
  const hash = createHash('sha256').update(process.version);
  for (const path of [...sources, join(PROJECT_FOLDER, 'package-lock.json')]) {
    hash.update(`\0${path}\0`).update(readFileSync(path));
  }
  return hash.digest('hex');
};
