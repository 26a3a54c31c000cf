import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Runtime } from '@temporalio/worker';
import { Registry } from 'prom-client';
import { expect, test, vi } from 'vitest';
import { createHealth } from '../../worker/health.ts';
import {
  createClockMeter,
  createDeliveryMeter,
  createMailMeter,
  createMeter,
} from '../../worker/meter.ts';
import { openMetrics } from '../../worker/metrics.ts';

const linesOf = async (registry: Registry, name: string): Promise<string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));

test('rows are counted by step, and each step starts at zero', async () => {
  const registry = new Registry();
  const meter = createMeter(registry);
  meter.rows('written', 40);
  meter.rows('written', 2);
  expect(await linesOf(registry, 'keepsake_rows_total')).toEqual([
    'keepsake_rows_total{step="written"} 42',
    'keepsake_rows_total{step="verified"} 0',
    'keepsake_rows_total{step="deleted"} 0',
    'keepsake_rows_total{step="imported"} 0',
  ]);
});

test('webhook attempts are counted by outcome, and deliveries by their end', async () => {
  const registry = new Registry();
  const meter = createDeliveryMeter(registry);
  meter.attempt('timeout');
  meter.attempt('delivered');
  meter.delivery('delivered');
  expect(await linesOf(registry, 'keepsake_webhook_deliveries_total')).toEqual([
    'keepsake_webhook_deliveries_total{outcome="delivered"} 1',
    'keepsake_webhook_deliveries_total{outcome="failed"} 0',
  ]);
  expect(await linesOf(registry, 'keepsake_webhook_attempts_total')).toEqual(
    expect.arrayContaining([
      'keepsake_webhook_attempts_total{outcome="timeout"} 1',
      'keepsake_webhook_attempts_total{outcome="delivered"} 1',
      'keepsake_webhook_attempts_total{outcome="blockedAddress"} 0',
    ]),
  );
});

test('mail attempts are counted by kind and result, and start at zero', async () => {
  const registry = new Registry();
  const count = createMailMeter(registry);
  count('finished', 'waiting');
  count('finished', 'accepted');
  count('asked', 'refused');
  const lines = await linesOf(registry, 'keepsake_mails_total');
  expect(lines).toHaveLength(33);
  expect(lines.filter((line) => !line.endsWith(' 0'))).toEqual([
    'keepsake_mails_total{kind="finished",result="accepted"} 1',
    'keepsake_mails_total{kind="finished",result="waiting"} 1',
    'keepsake_mails_total{kind="asked",result="refused"} 1',
  ]);
});

test('the clock skew is reported once it was measured, and has no value before', async () => {
  const registry = new Registry();
  const clock = createClockMeter(registry);
  expect(await linesOf(registry, 'keepsake_clock_skew_seconds')).toEqual([]);
  clock(-2_678_400);
  expect(await linesOf(registry, 'keepsake_clock_skew_seconds')).toEqual([
    'keepsake_clock_skew_seconds{process="worker"} -2678400',
  ]);
});

test('a batch returns its result and is counted by its end, and only deleted users count as rows', async () => {
  const registry = new Registry();
  const meter = createMeter(registry);
  const done = { status: 'deleted', deleted: 7 };
  expect(await meter.batch(Promise.resolve(done))).toBe(done);
  await meter.batch(Promise.resolve({ status: 'moved' }));
  const error = new Error('the connection was lost');
  await expect(meter.batch(Promise.reject(error))).rejects.toBe(error);
  expect(await linesOf(registry, 'keepsake_delete_batch_duration_seconds_count')).toEqual([
    'keepsake_delete_batch_duration_seconds_count{result="deleted"} 1',
    'keepsake_delete_batch_duration_seconds_count{result="moved"} 1',
    'keepsake_delete_batch_duration_seconds_count{result="error"} 1',
  ]);
  expect(await linesOf(registry, 'keepsake_rows_total{step="deleted"}')).toEqual([
    'keepsake_rows_total{step="deleted"} 7',
  ]);
});

const HOST = '127.0.0.1';
const open = (
  metricsPort: number | undefined,
  install = vi.fn<(port: string) => void>(),
  health = createHealth(),
) =>
  openMetrics(
    { host: HOST, metricsPort, listenFd: undefined },
    ({ metrics }) =>
      install(
        metrics !== undefined && 'prometheus' in metrics ? metrics.prometheus.bindAddress : '',
      ),
    health,
  );

test('the metrics of the worker are served even without metrics of Temporal', async () => {
  const metrics = await open(0);
  metrics.meter.rows('deleted', 3);
  const url = `http://${HOST}:${metrics.port}/metrics`;
  expect(await (await fetch(url)).text()).toContain('keepsake_rows_total{step="deleted"} 3');
  expect((await fetch(url, { method: 'POST' })).status).toBe(404);
  await metrics.close();
  await expect(fetch(url)).rejects.toThrow('fetch failed');
});

test('healthz answers ok, and readyz answers whether the worker is ready or what is missing', async () => {
  const health = createHealth();
  const metrics = await open(0, undefined, health);
  const ask = async (path: string) => {
    const answer = await fetch(`http://${HOST}:${metrics.port}${path}`);
    return [answer.status, await answer.json()];
  };
  expect(await ask('/healthz')).toEqual([200, { status: 'ok' }]);
  const starting = { status: 'notReady', missing: ['the worker is starting.'] };
  expect(await ask('/readyz')).toEqual([503, starting]);
  health.say(['PostgreSQL does not respond.']);
  expect((await ask('/readyz'))[1]).toMatchObject({ missing: ['PostgreSQL does not respond.'] });
  health.askBy(async () => []);
  expect(await ask('/readyz')).toEqual([200, { status: 'ok' }]);
  await metrics.close();
});

test('a taken port is an error, and without a port there is no listener', async () => {
  const first = await open(0);
  await expect(open(first.port)).rejects.toThrow('EADDRINUSE');
  await first.close();
  const install = vi.fn<(port: string) => void>();
  const none = await open(undefined, install);
  expect(none.port).toBeUndefined();
  expect(install.mock.calls).toEqual([['']]);
  await none.close();
});

test('Core gets another port when the chosen port was taken meanwhile', async () => {
  const addresses: string[] = [];
  const taken = createServer().listen(0, HOST);
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const metrics = await open(
    0,
    vi.fn<(address: string) => void>((address) => {
      addresses.push(address);
      const bindAddress = addresses.length === 1 ? `${HOST}:${port}` : address;
      Runtime.install({ telemetryOptions: { metrics: { prometheus: { bindAddress } } } });
    }),
  );
  try {
    expect(addresses).toHaveLength(2);
    const core = await fetch(`http://${addresses[1]}/metrics`);
    expect(core.status).toBe(200);
  } finally {
    await metrics.close();
    await Runtime.instance().shutdown();
    taken.close();
  }
});

test('any other start error of Core is reported at once, and taken ports after five attempts', async () => {
  const broken = vi.fn<() => void>(() => {
    throw new Error('no such exporter');
  });
  await expect(open(0, broken)).rejects.toThrow('no such exporter');
  expect(broken).toHaveBeenCalledTimes(1);
  const barred = vi.fn<() => void>(() => {
    throw new Error('Address already in use (os error 98)');
  });
  await expect(open(0, barred)).rejects.toThrow('already in use');
  expect(barred).toHaveBeenCalledTimes(5);
});
