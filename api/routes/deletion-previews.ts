import { z } from 'zod';
import { createPreview } from '../../db/previews.ts';
import { deletionSelectionSchema } from '../../selection/selection.ts';
import type { ApiDeps, App } from '../app.ts';
import { SELECTION_BODY_LIMIT_BYTES } from '../limits.ts';
import { resolveSelection } from '../resolve-selection.ts';
import { sendJson } from '../send-json.ts';
import { userSchema } from '../user-json.ts';

export const previewSchema = z.object({
  id: z.uuid(),
  count: z.int().describe('How many users match, those under hold included'),
  held: z.int().describe('How many of them are under hold: they stay'),
  sample: z.array(userSchema),
  expiresAt: z.string(),
});

const bodySchema = z.strictObject({ selection: deletionSelectionSchema }).meta({
  examples: [
    {
      selection: {
        type: 'segment',
        segmentId: '019a0f6e-5c2a-7b1d-8a3e-4f5061728394',
        excludeIds: ['u-17'],
      },
    },
  ],
});

export const registerDeletionPreviewRoutes = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/deletion-previews',
    {
      bodyLimit: SELECTION_BODY_LIMIT_BYTES,
      schema: {
        operationId: 'previewDeletion',
        summary: 'See who a deletion would delete; valid for 15 minutes',
        tags: ['deletions'],
        querystring: z.strictObject({}),
        body: bodySchema,
        response: { 201: previewSchema },
      },
    },
    async ({ workspaceId, actor, body: { selection } }, reply) => {
      const { db } = deps.database;
      const { frozen, targetIds, where } = await resolveSelection(db, workspaceId, selection);
      const preview = await createPreview(db, {
        workspaceId,
        actorKeyId: actor.id,
        selection: targetIds === undefined ? frozen : { type: 'ids', ids: targetIds },
        where,
      });
      const { id, count, held, sample, expires_at: expiresAt } = preview;
      const seen = JSON.stringify({ id, count, held, expiresAt });
      return sendJson(reply.code(201), `${seen.slice(0, -1)},"sample":[${sample.join(',')}]}`);
    },
  );
};
