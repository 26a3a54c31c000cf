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
/** The longest wait for the metrics of Temporal's Core, which runs in this process. */
const CORE_DEADLINE_MS = 2_000;
/** The longest wait for the headers of a scraper's request. */
const HEADERS_TIMEOUT_MS = 5_000;

/** The wording of Core. */
const ADDRESS_IN_USE = /address already in use/i;
/**
 * The port is chosen before Core opens it, so another process may take it first. After so many
 * failures there must be another cause.
 */
const CORE_PORT_ATTEMPTS = 5;

/** @throws Error when Core cannot open the given address */
type InstallCore = (telemetry: TelemetryOptions) => void;

export interface WorkerMetrics {
  meter: Meter;
  deliveryMeter: DeliveryMeter;
  /** Adds metrics of connection pools. */
  watchPools: (pools: NamedPools) => void;
  mailMeter: MailMeter;
  /** Receives how far this worker's clock is ahead of the database's, in seconds. */
  clock: (skewSeconds: number) => void;
  /** The port that serves the metrics; undefined if they are not served. */
  port: number | undefined;
  close: () => Promise<void>;
}

interface Served {
  registry: Registry;
  health: Health;
  corePort: number;
}

/**
 * Installs Core, creates the worker's metrics, and serves both on `METRICS_PORT`, together with the
 * worker's health. Without that port, metrics are collected but not served.
 *
 * @throws the system's error when the port cannot be opened, and the error of `install`
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

/** Installs Core with its metrics on a free port, and tries another port if that one was taken. */
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

/**
 * A free port of the loopback address. Core accepts port 0, but does not report the port it got.
 */
const findFreePort = async (): Promise<number> => {
  const server = createTcpServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

/** Uses Prometheus's conventions for names: seconds, `_total`. */
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

/** Answers `GET /metrics` with the worker's and Core's metrics, and answers health checks. */
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

/** Returns an empty text if Core does not answer: the worker's own metrics are useful alone. */
const readCore = async (port: number): Promise<string> => {
  try {
    const signal = AbortSignal.timeout(CORE_DEADLINE_MS);
    const answer = await fetch(`http://${LOOPBACK}:${port}/metrics`, { signal });
    return answer.ok ? await answer.text() : '';
  } catch {
    return '';
  }
};
