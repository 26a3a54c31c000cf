import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { envToConfig, readEnv } from '../../config.ts';
import { runWorker } from '../../worker/run-worker.ts';

const config = envToConfig(readEnv());
const order = join(config.dataDir, 'crash-at');

/** A worker that kills itself at the point named in `<data folder>/crash-at`, once per order. */
await runWorker(config, {
  crashPoint: (point) => {
    if (!existsSync(order) || readFileSync(order, 'utf8') !== point) return;
    renameSync(order, join(config.dataDir, `crashed-at-${point.replace(':', '-')}`));
    process.kill(process.pid, 'SIGKILL');
  },
});
