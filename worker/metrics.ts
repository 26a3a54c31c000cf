import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import type { TelemetryOptions } from '@temporalio/worker';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Meter } from '../activities/meter.ts';
import type { Config } from '../config.ts';
import { createClockMeter, createMeter } from './meter.ts';

const LOOPBACK = '127.0.0.1';
/** Longest wait for the metrics of Temporal's Core; they come from this very process. */
const CORE_DEADLINE_MS = 2_000;
/** Time for a scraper's headers to arrive. */
const HEADERS_TIMEOUT_MS = 5_000;

export interface WorkerMetrics {
  meter: Meter;
  /** Takes how far this worker's clock is ahead of the database's, in seconds. */
  clock: (skewSeconds: number) => void;
  /** What Temporal's Core is to export. */
  telemetryOptions: TelemetryOptions;
  close: () => Promise<void>;
}

/** A port of loopback that is free at the moment: Core takes no 0, for it never tells what it took. */
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

/** Answers `GET /metrics` with both in one. */
const serve = async (registry: Registry, host: string, port: number, corePort: number) => {
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) => {
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
  server.listen(port, host);
  await once(server, 'listening');
  return server;
};

/**
 * Keeps the worker's metrics, and serves them at `METRICS_PORT` together with those of Temporal's
 * Core; where no port is set they are kept and served nowhere.
 *
 * @throws the system's error when the port cannot be had
 */
export const openMetrics = async ({
  host,
  metricsPort,
}: Pick<Config, 'host' | 'metricsPort'>): Promise<WorkerMetrics> => {
  const registry = new Registry();
  const kept = { meter: createMeter(registry), clock: createClockMeter(registry) };
  if (metricsPort === undefined) return { ...kept, telemetryOptions: {}, close: async () => {} };
  collectDefaultMetrics({ register: registry });
  const corePort = await findFreePort();
  const server = await serve(registry, host, metricsPort, corePort);
  return {
    ...kept,
    telemetryOptions: telemetryAt(corePort),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};
