import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { exportSelectionSchema } from '../../selection/selection.ts';
import type { ApiDeps, App } from '../app.ts';
import { acceptJob, beginJob } from '../begin-job.ts';
import { readIdempotency } from '../idempotency.ts';
import { jobSchema } from '../job-schema.ts';
import { SELECTION_BODY_LIMIT_BYTES } from '../limits.ts';
import { resolveSelection } from '../resolve-selection.ts';

const bodySchema = z.strictObject({
  selection: exportSelectionSchema,
  format: z.literal('csv').default('csv'),
  compression: z.enum(['gzip', 'none']).default('gzip'),
  notify: z.boolean().default(true).describe('Mail a link once the file is verified'),
});

export const registerExportRoutes = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/exports',
    {
      bodyLimit: SELECTION_BODY_LIMIT_BYTES,
      schema: {
        operationId: 'startExport',
        summary: 'Export users to a file',
        tags: ['exports'],
        querystring: z.strictObject({}),
        body: bodySchema,
        response: { 202: jobSchema },
      },
    },
    async (request, reply) => {
      const { selection, format, compression, notify } = request.body;
      const { db } = deps.database;
      const job = await beginJob(request, readIdempotency(request), deps, async () => {
        const { frozen, targetIds } = await resolveSelection(db, request.workspaceId, selection);
        return {
          id: uuidv7(),
          type: 'export',
          selection: frozen,
          options: { format, compression, notify },
          ...(targetIds !== undefined && { targetIds }),
        };
      });
      return acceptJob(request, reply, job, deps);
    },
  );
};
