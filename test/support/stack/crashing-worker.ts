import { envToConfig, readEnv } from '../../../config.ts';
import { runWorker } from '../../../worker/run-worker.ts';
import { killAsOrdered } from './crash-at.ts';

const config = envToConfig(readEnv());

/** A worker that is killed at the point that a test orders. */
await runWorker(config, { crashPoint: killAsOrdered(config.dataDir) });
