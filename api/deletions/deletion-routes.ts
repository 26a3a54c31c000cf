import { z } from 'zod';
import { directSelectionSchema } from '../../selection/selection.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { acceptJob, beginJob } from '../jobs/begin-job.ts';
import { readIdempotency } from '../http/idempotency.ts';
import { startedJobSchema } from '../jobs/job-schema.ts';
import { reasonSchema } from '../jobs/reason.ts';
import { planConfirmedDeletion, planDeletionOfIds } from './plan-deletion.ts';

const notifySchema = z.boolean().default(true).describe('Send a mail about the outcome');

const confirmedSchema = z
  .strictObject({
    previewId: z.uuid(),
    confirm: z.strictObject({ count: z.int().min(0) }),
    reason: reasonSchema,
    notify: notifySchema,
  })
  .meta({ id: 'ConfirmedDeletion' });

const directSchema = z
  .strictObject({
    selection: directSelectionSchema,
    reason: reasonSchema,
    notify: notifySchema,
  })
  .meta({ id: 'DirectDeletion' });

const bodySchema = z.union([confirmedSchema, directSchema]).meta({
  examples: [
    {
      previewId: '019a0f6e-5c2a-7b1d-8a3e-4f5061728394',
      confirm: { count: 12_431 },
      reason: 'The user requested erasure',
    },
  ],
});

export const registerDeletionRoutes = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/deletions',
    {
      schema: {
        operationId: 'startDeletion',
        summary: 'Back up, verify and delete the users of a preview, or up to 100 chosen users',
        tags: ['deletions'],
        querystring: z.strictObject({}),
        body: bodySchema,
        response: { 202: startedJobSchema },
      },
    },
    async (request, reply) => {
      const { body, workspaceId } = request;
      const { db } = deps.database;
      const job = await beginJob(request, readIdempotency(request), deps, () =>
        'previewId' in body
          ? planConfirmedDeletion(db, workspaceId, { ...body, count: body.confirm.count })
          : planDeletionOfIds(db, workspaceId, { ...body, ids: body.selection.ids }),
      );
      return acceptJob(request, reply, job, deps);
    },
  );
};
