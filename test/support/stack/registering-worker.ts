import { envToConfig, readEnv } from '../../../config.ts';
import { runWorker } from '../../../worker/run-worker.ts';

/** A worker that looks every second whether Temporal still has what it registered. */
await runWorker(envToConfig(readEnv()), { registrationIntervalMs: 1_000 });
