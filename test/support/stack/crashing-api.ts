import { runApi } from '../../../api/run-api.ts';
import { envToConfig, readEnv } from '../../../config.ts';
import { killAsOrdered } from './crash-at.ts';

const config = envToConfig(readEnv());

/** An API that is killed at the point that a test orders. */
await runApi(config, { crashPoint: killAsOrdered(config.dataDir) });
