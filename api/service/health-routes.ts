import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { problem } from '../http/problems.ts';
import { createReadiness, isReady, PARTS, type Readiness } from './readiness.ts';

const okSchema = z.object({ status: z.literal('ok') });

const readySchema = okSchema
  .extend({
    warnings: z
      .array(z.object({ part: z.enum(PARTS), detail: z.string() }))
      .describe('Problems that do not stop the API: no worker serves the queue'),
  })
  .meta({ id: 'Readiness' });

export const registerHealthRoutes = (
  app: App,
  { database, health = database, storage, jobs, config }: ApiDeps,
): void => {
  const askReadiness = createReadiness({
    db: health.db,
    storage,
    jobs,
    taskQueue: config.taskQueue,
  });
  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'getHealth',
        summary: 'Liveness: the process responds',
        tags: ['service'],
        response: { 200: okSchema.describe('The process responds') },
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        summary: 'Readiness: database, schema, storage and Temporal are available',
        tags: ['service'],
        response: {
          200: readySchema.describe('The API is ready; `warnings` lists other problems'),
        },
      },
    },
    async () => {
      const readiness = await askReadiness();
      const wrong = wrongPartsOf(readiness);
      if (isReady(readiness)) return { status: 'ok' as const, warnings: wrong };
      const details = wrong.map(({ part, detail }) => `${part}: ${detail}`).join(' ');
      const errors = wrong.map(({ part, detail }) => ({ pointer: `/${part}`, detail }));
      throw problem('not-ready', `Not ready. ${details}`, { errors });
    },
  );
};

const wrongPartsOf = (readiness: Readiness) =>
  PARTS.flatMap((part) => {
    const detail = readiness[part];
    return detail === null ? [] : [{ part, detail }];
  });
