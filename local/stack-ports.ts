import type { LocalEnv } from '../config.ts';
import { holdPort, type HeldPort } from './held-port.ts';
import { assertPortFree } from './ports.ts';

/** Where the two processes listen. The servers open their ports themselves and say which. */
export interface StackPorts {
  api: HeldPort;
  /** Of the worker's metrics. */
  metrics: HeldPort;
}

interface PortSetting {
  name: string;
  envName: 'PORT' | 'METRICS_PORT' | 'TEMPORAL_PORT' | 'TEMPORAL_UI_PORT' | 'OUTBOX_PORT';
  /** Loopback if not said. */
  host?: string;
}

/** Those of the parts that this start runs. */
const settingsOf = (env: LocalEnv, headless: boolean): PortSetting[] => [
  { name: 'The API', envName: 'PORT', host: env.HOST },
  { name: "The worker's metrics", envName: 'METRICS_PORT', host: env.HOST },
  ...(env.TEMPORAL_ADDRESS === undefined
    ? [{ name: 'Temporal', envName: 'TEMPORAL_PORT' } as const]
    : []),
  ...(env.TEMPORAL_ADDRESS === undefined && !headless
    ? [{ name: "Temporal's Web UI", envName: 'TEMPORAL_UI_PORT' } as const]
    : []),
  ...(env.RESEND_API_KEY === undefined
    ? [{ name: 'The outbox', envName: 'OUTBOX_PORT' } as const]
    : []),
];

/** @throws Error saying which setting to change, when a port that is set is taken or set twice */
const assertSetPortsFree = async (env: LocalEnv, headless: boolean): Promise<void> => {
  const seen = new Set<number>();
  for (const { name, envName, host } of settingsOf(env, headless)) {
    const port = env[envName];
    if (port === 0) continue;
    if (seen.has(port))
      throw new Error(`${name}: ${envName}=${port} is also the port of another part.`);
    seen.add(port);
    await assertPortFree(name, envName, port, host);
  }
};

/**
 * Checks the ports that are set, and holds a free one for each process whose port is 0.
 *
 * @param onHeld called with each hold as soon as it must be stopped again
 * @throws Error saying which setting to change
 */
export const openPorts = async (
  env: LocalEnv,
  headless: boolean,
  onHeld: (held: HeldPort) => void,
): Promise<StackPorts> => {
  await assertSetPortsFree(env, headless);
  const hold = async (port: number): Promise<HeldPort> => {
    const held = await holdPort(env.HOST, port);
    onHeld(held);
    return held;
  };
  return { api: await hold(env.PORT), metrics: await hold(env.METRICS_PORT) };
};
