import { envToConfig, readEnv } from '../config.ts';
import { createLog } from '../log.ts';
import { runApi } from './run-api.ts';

try {
  await runApi(envToConfig(readEnv()));
} catch (error) {
  // Before the first request, no message can quote user data.
  const { name, message, code } = error as NodeJS.ErrnoException;
  createLog('api').fatal({ error: { name, code, message } }, 'API ends');
  process.exit(1);
}
