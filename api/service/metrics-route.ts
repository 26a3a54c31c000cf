import { collectDefaultMetrics, Registry } from 'prom-client';
import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { watchPools } from '../../db/connections/pool-metrics.ts';
import { timeRequests, watchDatabase, watchStorage } from './metrics.ts';

const TEXT = {
  description: 'In the text format of Prometheus, version 0.0.4',
  content: { 'text/plain': { schema: z.string() } },
};

/** Metrics of this process and of the jobs: counts and times, without user data. */
export const registerMetricsRoute = (
  app: App,
  { database, health = database, figures = database, storage }: ApiDeps,
): void => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  timeRequests(app, registry);
  watchDatabase(registry, { health: health.db, figures: figures.db });
  watchPools(registry, { requests: database.pool });
  watchStorage(registry, storage);

  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'getMetrics',
        summary: 'Metrics for Prometheus',
        tags: ['service'],
        response: { 200: TEXT },
      },
    },
    async (_request, reply) =>
      reply
        .type(registry.contentType)
        .serializer((text: string) => text)
        .send(await registry.metrics()),
  );
};
