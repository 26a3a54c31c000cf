import { setFlagsFromString } from 'node:v8';
import { envToConfig, readEnv } from '../config.ts';
import { createLog } from '../log.ts';
import { runWorker } from './run-worker.ts';

/**
 * V8 counts buffers as part of the heap, and collects the whole heap each time that it has grown by
 * a certain share. By default that was every 30 MB of copied data: some 40 times for 1,000,000
 * users, and a third of the worker's time. The small collections in between free the buffers, so
 * memory use stays the same.
 */
setFlagsFromString('--heap-growing-percent=100');

try {
  await runWorker(envToConfig(readEnv()));
  // Without this, Temporal's runtime would keep a process without a worker alive.
  process.exit(0);
} catch (error) {
  // The message is safe to log: before any job runs, no user's data was read.
  const { name, message, code } = error as NodeJS.ErrnoException;
  createLog('worker').fatal({ error: { name, code, message } }, 'worker ends');
  process.exit(1);
}
