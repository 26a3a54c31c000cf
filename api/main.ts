import { pino } from 'pino';
import { envToConfig, readEnv } from '../config.ts';
import { refusalOf } from '../db/refusal.ts';
import { runApi } from './run-api.ts';

try {
  await runApi(envToConfig(readEnv()));
} catch (error) {
  const refusal = refusalOf(error);
  if (refusal === undefined) throw error;
  // One sentence that says what to do; a stack would hide it.
  const { code, message } = refusal;
  pino({ base: { process: 'api' } }).fatal({ error: { code, message } }, 'API ends');
  process.exitCode = 1;
}
