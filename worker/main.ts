import { envToConfig, readEnv } from '../config.ts';
import { runWorker } from './run-worker.ts';

await runWorker(envToConfig(readEnv()));
