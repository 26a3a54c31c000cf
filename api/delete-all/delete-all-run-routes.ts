import { sql, type SqlBool } from 'kysely';
import { z } from 'zod';
import { findJobOfPreview } from '../../db/jobs/jobs.ts';
import { createPreview } from '../../db/deletions/previews.ts';
import type { RequestRow } from '../../db/delete-all/delete-all-requests.ts';
import { isWindowOpen } from '../../rules/delete-all.ts';
import { PREVIEW_MINUTES } from '../../rules/retention.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { acceptJob } from '../jobs/begin-job.ts';
import { decide, getRequest, refusedBy, type DecisionInput } from './decide.ts';
import { startedJobSchema } from '../jobs/job-schema.ts';
import { problem } from '../http/problems.ts';
import { reasonSchema } from '../jobs/reason.ts';
import { getConfirmedPreview } from '../deletions/confirmed-preview.ts';
import { previewSchema, sendPreview } from '../deletions/preview-json.ts';

const paramsSchema = z.strictObject({ id: z.uuid() });

const runSchema = z
  .strictObject({
    previewId: z.uuid(),
    confirm: z.strictObject({
      count: z.int().min(0),
      phrase: z.string().max(100).describe("The phrase of the preview: 'delete all N users'"),
    }),
    reason: reasonSchema.optional(),
  })
  .meta({
    examples: [
      {
        previewId: '019a0f6e-5c2a-7b1d-8a3e-4f5061728394',
        confirm: { count: 10_000, phrase: 'delete all 10000 users' },
      },
    ],
  });

/** Within the window: the preview of all users, and the run that deletes them. */
export const registerDeleteAllRunRoutes = (app: App, deps: ApiDeps): void => {
  registerPreview(app, deps);
  app.post(
    '/v1/delete-all-requests/:id/run',
    {
      schema: {
        operationId: 'runDeleteAll',
        summary: 'Back up, verify and delete all users of the preview',
        tags: ['delete all'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: runSchema,
        response: { 202: startedJobSchema },
      },
    },
    async (request, reply) => {
      const { body, params } = request;
      const { workspace_id: workspaceId } = await decide(request, deps, params.id, (row) =>
        checkConfirmation(deps, row, body),
      );
      const job = await findJobOfPreview(deps.database.db, workspaceId, body.previewId);
      if (job === undefined) throw new Error(`preview ${body.previewId} has no job`);
      return acceptJob(request, reply, job, deps);
    },
  );
};

const registerPreview = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/delete-all-requests/:id/preview',
    {
      schema: {
        operationId: 'previewDeleteAll',
        summary: `Preview the deletion and get the phrase to type; valid for ${PREVIEW_MINUTES} minutes`,
        tags: ['delete all'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: {
          201: previewSchema
            .extend({ phrase: z.string() })
            .describe('The preview, and the phrase that confirms it'),
        },
      },
    },
    async ({ access, workspaceId, actor, params }, reply) => {
      const row = await getRequest(deps, params.id, access.workspaceId);
      requireOpen(row);
      const preview = await createPreview(deps.database.db, {
        workspaceId,
        actorKeyId: actor.id,
        selection: { type: 'all' },
        where: sql<SqlBool>`true`,
        requestId: row.id,
      });
      return sendPreview(reply, preview, { phrase: phraseOf(preview.count) });
    },
  );
};

/** An early check for callers. The workflow decides whether the window is open. */
const requireOpen = (row: RequestRow): void => {
  if (!isWindowOpen(row)) throw refusedBy(row, true);
};

/** The confirmation phrase, with the count of the preview. */
const phraseOf = (count: number): string => `delete all ${count} users`;

/** @throws ProblemError if the confirmation differs from the preview */
const checkConfirmation = async (
  { database: { db } }: ApiDeps,
  row: RequestRow,
  { previewId, confirm, reason }: z.infer<typeof runSchema>,
): Promise<DecisionInput> => {
  requireOpen(row);
  const preview = await getConfirmedPreview(db, {
    workspaceId: row.workspace_id,
    previewId,
    requestId: row.id,
    count: confirm.count,
  });
  if (confirm.phrase !== phraseOf(preview.count)) {
    throw problem('wrong-phrase', `Type this phrase: ${phraseOf(preview.count)}`, {
      errors: [{ detail: 'must be the phrase of the preview', pointer: '/confirm/phrase' }],
    });
  }
  return { kind: 'run', reason, previewId };
};
