import { z } from 'zod';
import { REPORT_SIZE } from '../../db/deletions/preview-report.ts';
import type { Db } from '../../db/client.ts';
import {
  createListPreview,
  createPreview,
  createPreviewOfJob,
  hasRoomForList,
  MAX_PREVIEWED_USERS,
} from '../../db/deletions/previews.ts';
import { PREVIEW_MINUTES } from '../../rules/retention.ts';
import { deletionSelectionSchema } from '../../selection/selection.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { SELECTION_BODY_LIMIT_BYTES } from '../http/limits.ts';
import { problem } from '../http/problems.ts';
import { resolveJobSelection } from '../users/job-selection.ts';
import { type ResolvedSelection, resolveSelection } from '../users/resolve-selection.ts';
import { shownSelection } from '../jobs/shown-selection.ts';
import { previewSchema, sendPreview } from './preview-json.ts';

const entryShape = {
  line: z.int().optional().describe('For a list: the line where the entry first occurs'),
  entry: z
    .string()
    .describe('The entry of the file or the selection; invisible characters are shown as [U+200B]'),
};

const upTo = `The first ${REPORT_SIZE} of these`;

/** Other fields depend on the type of the selection. */
const reportedSchema = previewSchema
  .extend({
    selection: z
      .looseObject({ type: z.string() })
      .describe(
        'The selection as it was frozen: with a copy of the filter of its segment, and timestamps instead of relative ' +
          'dates. Ids are shown as their count',
      ),
    segmentUpdatedAt: z.iso
      .datetime()
      .optional()
      .describe(
        'With a segment: when it was last changed. A list of its users that has another time may show others',
      ),
    notFound: z
      .int()
      .optional()
      .describe(
        'For ids and lists: number of entries that match no user. For a retry with `ofJob`: number of its ' +
          'users that do not exist or no longer match',
      ),
    notFoundSample: z.array(z.object(entryShape)).optional().describe(upTo),
    ambiguous: z
      .int()
      .optional()
      .describe(
        'For lists: number of email addresses that match several users; they select no user',
      ),
    ambiguousSample: z
      .array(z.object({ ...entryShape, users: z.int() }))
      .optional()
      .describe(upTo),
    excludedNotFound: z
      .int()
      .optional()
      .describe('For `excludeIds`: number of ids that match no user, and so exclude no user'),
    excludedNotFoundSample: z.array(z.string()).optional().describe(upTo),
    excludedNotMatching: z
      .int()
      .optional()
      .describe('For `excludeIds`: number of users that were not selected in any case'),
    excludedNotMatchingSample: z.array(z.string()).optional().describe(upTo),
  })
  .meta({ id: 'DeletionPreview' });

const ofSelectionSchema = z
  .strictObject({ selection: deletionSelectionSchema })
  .meta({ id: 'PreviewOfSelection' });

const ofJobSchema = z
  .strictObject({
    ofJob: z
      .uuid()
      .describe(
        'Id of an export or deletion: its selection as it was then, with the filter of its segment, or the users that ' +
          'it named. With a filter, users that were added since then are selected too if they match. A retry ' +
          'that has only the remaining users of a job selects those of them that still match; their ' +
          'deletion has a selection of the type `list`, with the id of the retry as `listId`',
      ),
  })
  .meta({ id: 'PreviewOfJob' });

const bodySchema = z.union([ofSelectionSchema, ofJobSchema]).meta({
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
        summary: `Preview the users of a deletion; valid for ${PREVIEW_MINUTES} minutes`,
        tags: ['deletions'],
        querystring: z.strictObject({}),
        body: bodySchema,
        response: {
          201: reportedSchema.describe(
            'The users that would be deleted. Confirm its `count` with `POST /v1/deletions`',
          ),
        },
      },
    },
    async ({ workspaceId, actor, body }, reply) => {
      const { db } = deps.database;
      const resolved =
        'ofJob' in body
          ? await resolveJobSelection(db, workspaceId, body.ofJob)
          : await resolveSelection(db, workspaceId, body.selection);
      const preview = await makePreview(deps, resolved, { workspaceId, actorKeyId: actor.id });
      const facts = {
        selection: shownSelection(preview.selection, actor.role),
        ...('segmentUpdatedAt' in resolved && { segmentUpdatedAt: resolved.segmentUpdatedAt }),
        ...preview.report,
      };
      return sendPreview(reply, preview, facts);
    },
  );
};

const makePreview = async (
  { database: { db } }: ApiDeps,
  resolved: ResolvedSelection,
  common: { workspaceId: string; actorKeyId: string },
) => {
  if (!('frozen' in resolved)) {
    await requireRoom(db, common.workspaceId);
    return 'list' in resolved
      ? createListPreview(db, { ...common, list: resolved.list })
      : createPreviewOfJob(db, { ...common, ...resolved.listOfJob });
  }
  const { frozen, targetIds: ids, where, excluded } = resolved;
  const recorded = ids === undefined ? frozen : { type: 'ids', ids };
  const preview = { ...common, selection: recorded, where };
  return { ...(await createPreview(db, preview, { ids, excluded })), selection: frozen };
};

/** @throws ProblemError 409 if previews of lists hold the maximum number of users */
const requireRoom = async (db: Db, workspaceId: string): Promise<void> => {
  if (await hasRoomForList(db, workspaceId)) return;
  throw problem(
    'limit-reached',
    `Previews of lists hold ${MAX_PREVIEWED_USERS} users of workspace ${workspaceId}, which is the maximum. ` +
      'Wait: a preview is deleted one hour after it expires.',
  );
};
