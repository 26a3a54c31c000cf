import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { envToConfig, readEnv } from '../../../config.ts';
import { runWorker } from '../../../worker/run-worker.ts';

const config = envToConfig(readEnv());
const order = join(config.dataDir, 'stop-at');

/**
 * A worker that stops itself (SIGSTOP) at the point named in `<data folder>/stop-at`, once for each
 * order. Writes `stopped` before, and `woken` after it received SIGCONT.
 */
await runWorker(config, {
  crashPoint: (point) => {
    if (!existsSync(order) || readFileSync(order, 'utf8') !== point) return;
    renameSync(order, join(config.dataDir, 'stopped'));
    process.kill(process.pid, 'SIGSTOP');
    writeFileSync(join(config.dataDir, 'woken'), '');
  },
});
