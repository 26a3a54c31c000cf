import type { LocalEnv } from '../config.ts';
import { assertPortFree, freePort } from './ports.ts';

/** The ports of one stack; those of parts that are not started mean nothing. */
export interface StackPorts {
  api: number;
  temporal: number;
  temporalUi: number;
  outbox: number;
  /** Of the worker's metrics. */
  metrics: number;
}

const choose = async (
  name: string,
  envName: 'PORT' | 'TEMPORAL_PORT' | 'TEMPORAL_UI_PORT' | 'OUTBOX_PORT' | 'METRICS_PORT',
  env: LocalEnv,
  taken: Set<number>,
  host?: string,
): Promise<number> => {
  let port = env[envName];
  if (port === 0) {
    // A port is free again as soon as it was found, so the same could come twice.
    do port = await freePort(host);
    while (taken.has(port));
  } else {
    if (taken.has(port)) throw new Error(`${name}: ${envName}=${port} is another part's port too.`);
    await assertPortFree(name, envName, port, host);
  }
  taken.add(port);
  return port;
};

/** Takes the ports that are set, and free ones for 0. @throws Error saying which setting to change */
export const choosePorts = async (env: LocalEnv, headless: boolean): Promise<StackPorts> => {
  const taken = new Set<number>();
  const ports = { api: 0, temporal: 0, temporalUi: 0, outbox: 0, metrics: 0 };
  ports.api = await choose('The API', 'PORT', env, taken, env.HOST);
  ports.metrics = await choose("The worker's metrics", 'METRICS_PORT', env, taken, env.HOST);
  if (env.TEMPORAL_ADDRESS === undefined) {
    ports.temporal = await choose('Temporal', 'TEMPORAL_PORT', env, taken);
    if (!headless) {
      ports.temporalUi = await choose("Temporal's Web UI", 'TEMPORAL_UI_PORT', env, taken);
    }
  }
  if (env.RESEND_API_KEY === undefined) {
    ports.outbox = await choose('The outbox', 'OUTBOX_PORT', env, taken);
  }
  return ports;
};
