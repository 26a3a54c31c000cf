import { z } from 'zod';
import { REPORT_SIZE } from '../../db/deletions/preview-report.ts';
import type { Db } from '../../db/client.ts';
import {
  createListPreview,
  createPreview,
  hasRoomForList,
  MAX_PREVIEWED_USERS,
} from '../../db/deletions/previews.ts';
import { type DeletionSelection, deletionSelectionSchema } from '../../selection/selection.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { SELECTION_BODY_LIMIT_BYTES } from '../http/limits.ts';
import { problem } from '../http/problems.ts';
import { resolveSelection } from '../users/resolve-selection.ts';
import { sendJson } from '../http/send-json.ts';
import { userSchema } from '../users/user-json.ts';

export const previewSchema = z.object({
  id: z.uuid(),
  count: z.int().describe('How many users match, those under hold included'),
  held: z.int().describe('How many of them are under hold: they stay'),
  sample: z.array(userSchema),
  expiresAt: z.string(),
});

const entryShape = {
  line: z.int().optional().describe('Of a list: where the file first names it'),
  entry: z
    .string()
    .describe('As the file, or the selection, has it; what cannot be seen stands as [U+200B]'),
};

const upTo = `The first ${REPORT_SIZE} of them`;

/** What else is told depends on what the selection names. */
const reportedSchema = previewSchema
  .extend({
    notFound: z
      .int()
      .optional()
      .describe('Of ids and lists: how many of those named are no user; they select nobody'),
    notFoundSample: z.array(z.object(entryShape)).optional().describe(upTo),
    ambiguous: z
      .int()
      .optional()
      .describe('Of lists: how many mail addresses are those of several users; they select nobody'),
    ambiguousSample: z
      .array(z.object({ ...entryShape, users: z.int() }))
      .optional()
      .describe(upTo),
    excludedNotFound: z
      .int()
      .optional()
      .describe('Of `excludeIds`: how many are no user, so that nobody is kept by them'),
    excludedNotFoundSample: z.array(z.string()).optional().describe(upTo),
    excludedNotMatching: z
      .int()
      .optional()
      .describe('Of `excludeIds`: how many are users who would not have been selected anyway'),
    excludedNotMatchingSample: z.array(z.string()).optional().describe(upTo),
  })
  .meta({ id: 'DeletionPreview' });

/** @throws ProblemError 409 when previews of lists keep as many users as they may */
const requireRoom = async (db: Db, workspaceId: string): Promise<void> => {
  if (await hasRoomForList(db, workspaceId)) return;
  throw problem(
    'limit-reached',
    `Previews of lists keep ${MAX_PREVIEWED_USERS} users of workspace ${workspaceId}, which is as many as they may. ` +
      'Wait: they go an hour after they expire.',
  );
};

const makePreview = async (
  { database: { db } }: ApiDeps,
  selection: DeletionSelection,
  common: { workspaceId: string; actorKeyId: string },
) => {
  const resolved = await resolveSelection(db, common.workspaceId, selection);
  if ('list' in resolved) {
    await requireRoom(db, common.workspaceId);
    return createListPreview(db, { ...common, list: resolved.list });
  }
  const { frozen, targetIds: ids, where, excluded } = resolved;
  const recorded = ids === undefined ? frozen : { type: 'ids', ids };
  return createPreview(db, { ...common, selection: recorded, where }, { ids, excluded });
};

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
        response: {
          201: reportedSchema.describe(
            'Who would be deleted. Confirm its `count` with `POST /v1/deletions`',
          ),
        },
      },
    },
    async ({ workspaceId, actor, body: { selection } }, reply) => {
      const preview = await makePreview(deps, selection, { workspaceId, actorKeyId: actor.id });
      const { id, count, held, sample, report, expires_at: expiresAt } = preview;
      const seen = JSON.stringify({ id, count, held, ...report, expiresAt });
      return sendJson(reply.code(201), `${seen.slice(0, -1)},"sample":[${sample.join(',')}]}`);
    },
  );
};
