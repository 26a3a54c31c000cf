import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type ListenOptions } from 'node:net';
import type { TelemetryOptions } from '@temporalio/worker';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { DeliveryMeter, MailMeter, Meter } from '../activities/meter.ts';
import type { Config } from '../config.ts';
import { type NamedPools, watchPools } from '../db/connections/pool-metrics.ts';
import { answerHealth, type Health } from './health.ts';
import { createClockMeter, createDeliveryMeter, createMailMeter, createMeter } from './meter.ts';

const LOOPBACK = '127.0.0.1';
/** Longest wait for the metrics of Temporal's Core; they come from this very process. */
const CORE_DEADLINE_MS = 2_000;
/** Time for a scraper's headers to arrive. */
const HEADERS_TIMEOUT_MS = 5_000;

/** As Core words it. */
const ADDRESS_IN_USE = /address already in use/i;
/** Its port is chosen before Core opens it, so each may be lost; so often, it has another cause. */
const CORE_PORT_ATTEMPTS = 5;

/** Throws when Core cannot open the address it is given. */
type InstallCore = (telemetry: TelemetryOptions) => void;

export interface WorkerMetrics {
  meter: Meter;
  deliveryMeter: DeliveryMeter;
  /** Tells of pools of connections from now on. */
  watchPools: (pools: NamedPools) => void;
  mailMeter: MailMeter;
  /** Takes how far this worker's clock is ahead of the database's, in seconds. */
  clock: (skewSeconds: number) => void;
  /** Where it serves them; nowhere when not set. */
  port: number | undefined;
  close: () => Promise<void>;
}

/** A port of loopback that is free now. Core takes 0 as well, but does not report which it got. */
const findFreePort = async (): Promise<number> => {
  const server = createTcpServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

/** Named as Prometheus names things: seconds, `_total`. */
const telemetryAt = (port: number): TelemetryOptions => ({
  metrics: {
    prometheus: {
      bindAddress: `${LOOPBACK}:${port}`,
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
    },
  },
});

/** Empty when Core does not answer: what the worker says of itself is worth having without it. */
const readCore = async (port: number): Promise<string> => {
  try {
    const signal = AbortSignal.timeout(CORE_DEADLINE_MS);
    const answer = await fetch(`http://${LOOPBACK}:${port}/metrics`, { signal });
    return answer.ok ? await answer.text() : '';
  } catch {
    return '';
  }
};

/** Installs Core with its metrics at a free port; at another when that was taken meanwhile. */
const installCore = async (install: InstallCore): Promise<number> => {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort();
    try {
      install(telemetryAt(port));
      return port;
    } catch (error) {
      const isInUse = ADDRESS_IN_USE.test((error as Error).message);
      if (!isInUse || attempt === CORE_PORT_ATTEMPTS) throw error;
    }
  }
};

interface Served {
  registry: Registry;
  health: Health;
  corePort: number;
}

/** Answers `GET /metrics` with both in one, and what asks for the worker's health. */
const serve = async ({ registry, health, corePort }: Served, listen: ListenOptions) => {
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) => {
    if (answerHealth(request, response, health)) return;
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    Promise.all([registry.metrics(), readCore(corePort)]).then(
      ([own, core]) => {
        response.writeHead(200, { 'content-type': registry.contentType }).end(`${own}\n${core}`);
      },
      (error: Error) => response.destroy(error),
    );
  });
  server.listen(listen);
  await once(server, 'listening');
  return server;
};

/**
 * Installs Core, keeps the worker's metrics, and serves both, and its health, at `METRICS_PORT`;
 * where no port is set they are kept and served nowhere.
 *
 * @throws the system's error when the port cannot be had, and that of `install`
 */
export const openMetrics = async (
  { host, metricsPort, listenFd }: Pick<Config, 'host' | 'metricsPort' | 'listenFd'>,
  install: InstallCore,
  health: Health,
): Promise<WorkerMetrics> => {
  const registry = new Registry();
  const kept = {
    meter: createMeter(registry),
    deliveryMeter: createDeliveryMeter(registry),
    mailMeter: createMailMeter(registry),
    clock: createClockMeter(registry),
    watchPools: (pools: NamedPools) => watchPools(registry, pools),
  };
  if (metricsPort === undefined) {
    install({});
    return { ...kept, port: undefined, close: async () => {} };
  }
  collectDefaultMetrics({ register: registry });
  const corePort = await installCore(install);
  const listen = listenFd === undefined ? { host, port: metricsPort } : { fd: listenFd };
  const server = await serve({ registry, health, corePort }, listen);
  return {
    ...kept,
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};
