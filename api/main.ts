import { envToConfig, readEnv } from '../config.ts';
import { createLog } from '../log.ts';
import { runApi } from './run-api.ts';

try {
  await runApi(envToConfig(readEnv()));
} catch (error) {
  // Before any request is answered there are no users whose data a message could quote.
  const { name, message, code } = error as NodeJS.ErrnoException;
  createLog('api').fatal({ error: { name, code, message } }, 'API ends');
  process.exit(1);
}
