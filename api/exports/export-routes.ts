import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { type ListRef, usersOfList } from '../../db/users/user-lists.ts';
import { exportSelectionSchema } from '../../selection/selection.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { acceptJob, beginJob, type PlannedJob } from '../jobs/begin-job.ts';
import { exportOptionsShape, freezeExportOptions } from './export-options.ts';
import { readIdempotency } from '../http/idempotency.ts';
import { startedJobSchema } from '../jobs/job-schema.ts';
import { SELECTION_BODY_LIMIT_BYTES } from '../http/limits.ts';
import { resolveSelection } from '../users/resolve-selection.ts';

const bodySchema = z
  .strictObject({
    selection: exportSelectionSchema,
    ...exportOptionsShape,
  })
  .meta({
    examples: [
      {
        selection: { type: 'filter', filter: { field: 'country', op: 'is', value: 'IN' } },
        format: 'csv',
        compression: 'gzip',
        columns: ['userId', 'email', 'tags'],
      },
    ],
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
        response: { 202: startedJobSchema },
      },
    },
    async (request, reply) => {
      const { selection, ...wanted } = request.body;
      const { workspaceId } = request;
      const { db } = deps.database;
      const job = await beginJob(request, readIdempotency(request), deps, async () => {
        const options = await freezeExportOptions(db, workspaceId, wanted);
        const resolved = await resolveSelection(db, workspaceId, selection);
        const common = { id: uuidv7(), type: 'export' as const, options };
        if ('list' in resolved) return { ...common, ...selectedBy(resolved.list) };
        const { frozen, targetIds } = resolved;
        return { ...common, selection: frozen, ...(targetIds !== undefined && { targetIds }) };
      });
      return acceptJob(request, reply, job, deps);
    },
  );
};

/** Exports the users that the list matches when the job is stored. */
const selectedBy = (
  list: ListRef & { entries: number },
): Pick<PlannedJob, 'selection' | 'targetsOf'> => ({
  selection: { type: 'list' },
  targetsOf: { listId: list.id, users: usersOfList(list), entries: list.entries },
});
