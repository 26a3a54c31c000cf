import { envToConfig, readEnv } from '../config.ts';
import { runApi } from './run-api.ts';

await runApi(envToConfig(readEnv()));
