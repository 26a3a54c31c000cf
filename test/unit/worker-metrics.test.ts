import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { freePort } from '../../local/ports.ts';
import { createClockMeter, createMeter } from '../../worker/meter.ts';
import { openMetrics } from '../../worker/metrics.ts';

const linesOf = async (registry: Registry, name: string): Promise<string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));

test('counts rows by step, and is at zero before there was a job', async () => {
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

test('the skew of the clock is told once it was measured, and not as 0 before', async () => {
  const registry = new Registry();
  const clock = createClockMeter(registry);
  expect(await linesOf(registry, 'keepsake_clock_skew_seconds')).toEqual([]);
  clock(-2_678_400);
  expect(await linesOf(registry, 'keepsake_clock_skew_seconds')).toEqual([
    'keepsake_clock_skew_seconds{process="worker"} -2678400',
  ]);
});

test('a batch answers what it answered, counted by how it ended; only the deleted are rows', async () => {
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

test('serves what the worker says of itself even where Temporal says nothing', async () => {
  const metricsPort = await freePort();
  const metrics = await openMetrics({ host: '127.0.0.1', metricsPort });
  metrics.meter.rows('deleted', 3);
  const url = `http://127.0.0.1:${metricsPort}/metrics`;
  expect(await (await fetch(url)).text()).toContain('keepsake_rows_total{step="deleted"} 3');
  expect((await fetch(url, { method: 'POST' })).status).toBe(404);
  await metrics.close();
  await expect(fetch(url)).rejects.toThrow('fetch failed');
});

test('a port that is taken is an error, and no port no listener', async () => {
  const metricsPort = await freePort();
  const first = await openMetrics({ host: '127.0.0.1', metricsPort });
  await expect(openMetrics({ host: '127.0.0.1', metricsPort })).rejects.toThrow('EADDRINUSE');
  await first.close();
  const none = await openMetrics({ host: '127.0.0.1', metricsPort: undefined });
  expect(none.telemetryOptions).toEqual({});
  await none.close();
});
