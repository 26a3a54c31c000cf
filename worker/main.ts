import { pino } from 'pino';
import { envToConfig, readEnv } from '../config.ts';
import { runWorker } from './run-worker.ts';

try {
  await runWorker(envToConfig(readEnv()));
} catch (error) {
  // Before any job runs there are no users whose data a message could quote.
  const { name, message, code } = error as NodeJS.ErrnoException;
  pino({ base: { process: 'worker' } }).fatal({ error: { name, code, message } }, 'worker ends');
  process.exitCode = 1;
}
