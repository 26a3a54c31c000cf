import { setFlagsFromString } from 'node:v8';
import { envToConfig, readEnv } from '../config.ts';
import { createLog } from '../log.ts';
import { runWorker } from './run-worker.ts';

/**
 * V8 counts buffers among the heap that may grow by so much before it is swept whole. Left to
 * itself it does that every 30 MB of what is copied, some 40 times for 1,000,000 users; a third of
 * the worker's time went there. Buffers are freed by the small collections in between, so memory
 * stays.
 */
setFlagsFromString('--heap-growing-percent=100');

try {
  await runWorker(envToConfig(readEnv()));
  // Temporal's runtime would keep a process alive that has no worker.
  process.exit(0);
} catch (error) {
  // Before any job runs there are no users whose data a message could quote.
  const { name, message, code } = error as NodeJS.ErrnoException;
  createLog('worker').fatal({ error: { name, code, message } }, 'worker ends');
  process.exit(1);
}
