import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { writePrivateFile } from '../data-folder.ts';
import { PROJECT_FOLDER } from '../processes/keepsake-process.ts';

// Runs as a script, because bundling blocks a thread for seconds, and the supervisor must handle
// signals.
const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('bundle-workflows.ts requires an output path');

const { code } = await bundleWorkflowCode({
  workflowsPath: join(PROJECT_FOLDER, 'workflows', 'index.ts'),
  logger: new DefaultLogger('WARN'),
});
writePrivateFile(target, code);
