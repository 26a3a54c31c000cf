import type { LocalEnv } from '../config.ts';
import { holdPort, type HeldPort } from './held-port.ts';
import { assertPortFree } from './ports.ts';

/** Where API and worker listen. The other servers open their ports themselves and report them. */
export interface StackPorts {
  api: HeldPort;
  /** The port of the worker's metrics. */
  metrics: HeldPort;
}

interface PortSetting {
  name: string;
  envName: 'PORT' | 'METRICS_PORT' | 'TEMPORAL_PORT' | 'TEMPORAL_UI_PORT' | 'OUTBOX_PORT';
  /** The loopback address if not given. */
  host?: string;
}

/**
 * Checks configured ports, and holds a free port for each process whose port is 0.
 *
 * @param onHeld called with each held port, as soon as it must be released at the end
 * @throws Error that says which setting to change
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

/**
 * @throws Error that says which setting to change, when a configured port is taken or used twice
 */
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

/** The settings of the parts that this start runs. */
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
