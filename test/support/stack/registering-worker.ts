import { envToConfig, readEnv } from '../../../config.ts';
import { runWorker } from '../../../worker/run-worker.ts';

/** A worker that checks every second whether Temporal still has its registrations. */
await runWorker(envToConfig(readEnv()), { registrationIntervalMs: 1_000 });
