import type { FastifyRequest } from 'fastify';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { type BackupRow, findBackup } from '../../db/exports/backups.ts';
import type { Db } from '../../db/client.ts';
import { findJobRow } from '../../db/jobs/jobs.ts';
import { REPORT_SIZE } from '../../db/deletions/preview-report.ts';
import { countRestorable, type Named } from '../../db/restores/restores.ts';
import { addressesOfList, idsOfList } from '../../db/users/user-lists.ts';
import { chosenIdsSchema } from '../../selection/selection.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { acceptJob, beginJob, type WantedJob } from '../jobs/begin-job.ts';
import { readIdempotency } from '../http/idempotency.ts';
import { startedJobSchema } from '../jobs/job-schema.ts';
import { SELECTION_BODY_LIMIT_BYTES } from '../http/limits.ts';
import { notFound, problem } from '../http/problems.ts';
import { resolveList } from '../users/resolve-selection.ts';
import { reasonSchema } from '../jobs/reason.ts';

const paramsSchema = z.strictObject({ id: z.uuid() });

const namedShape = {
  ids: chosenIdsSchema()
    .optional()
    .describe('Users to bring back; all whom the deletion deleted by this backup when not given'),
  listId: z
    .uuid()
    .optional()
    .describe('In place of `ids`: a list of ids or mail addresses, see `POST /v1/user-lists`'),
};

const previewShape = {
  ...namedShape,
  listId: namedShape.listId.describe(
    'In place of `ids`: a list of ids, see `POST /v1/user-lists`; mail addresses are looked up by the restore alone',
  ),
};

interface NamedUsers {
  ids?: string[] | undefined;
  listId?: string | undefined;
}

const isOneWay = ({ ids, listId }: NamedUsers): boolean =>
  ids === undefined || listId === undefined;
const TWO_WAYS = { error: 'stands beside ids: name users by one of them', path: ['listId'] };

/** @throws ProblemError 404, or 422 for a list of mail addresses */
const resolveIdList = async (db: Db, workspaceId: string, listId: string) => {
  const list = await resolveList(db, workspaceId, listId, '/listId');
  if (list.matchBy === 'userId') return list;
  const detail =
    'is a list of mail addresses. Those of deleted users are in the files of the backup alone, which a preview ' +
    'does not read. The restore takes the list, and reports whom it did not find';
  throw problem('unprocessable', `/listId: ${detail}.`, {
    errors: [{ detail, pointer: '/listId' }],
  });
};

/**
 * States of a backup that a restore may try: one once found damaged may be whole again, or in part.
 */
const RESTORABLE = ['verified', 'damaged'];

/** @throws ProblemError 404, 410 when the backup is gone, 409 while its deletion runs */
const requireRestorable = async (
  { database: { db } }: ApiDeps,
  { workspaceId, params }: { workspaceId: string; params: { id: string } },
): Promise<BackupRow> => {
  const backup = await findBackup(db, params.id, workspaceId);
  if (backup === undefined) throw notFound('backup');
  if (backup.is_over) {
    throw problem('gone', `Backup ${backup.id} is removed; what it held is gone for good.`);
  }
  const deletion = await findJobRow(db, backup.job_id, workspaceId);
  if (deletion === undefined || deletion.finished_at === null) {
    throw problem(
      'wrong-state',
      `Deletion ${backup.job_id} still runs; restore once it has ended.`,
    );
  }
  if (!RESTORABLE.includes(backup.state)) {
    throw problem(
      'wrong-state',
      `Backup ${backup.id} was never verified; nobody was deleted by it.`,
    );
  }
  return backup;
};

const findNamed = async (
  db: Db,
  workspaceId: string,
  { ids, listId }: NamedUsers,
): Promise<Named | undefined> => {
  if (ids !== undefined)
    return { ids: sql`SELECT unnest(${ids}::text[]) AS user_id`, count: ids.length };
  if (listId === undefined) return undefined;
  const { id, entries } = await resolveIdList(db, workspaceId, listId);
  return { ids: idsOfList(id), count: entries };
};

const previewBodySchema = z
  .strictObject(previewShape)
  .refine(isOneWay, TWO_WAYS)
  .meta({ examples: [{ ids: ['u-1', 'u-2'] }] });

const registerPreview = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/backups/:id/restore-previews',
    {
      bodyLimit: SELECTION_BODY_LIMIT_BYTES,
      schema: {
        operationId: 'previewRestore',
        summary: 'How many users a restore would bring back, and how many are there already',
        tags: ['restores'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: previewBodySchema,
        response: {
          200: z
            .object({
              restorable: z.int().describe('Would come back'),
              present: z.int().describe('Are there now, and would be left as they are'),
              notFound: z.int().describe('Of those named: not deleted by this backup'),
              notFoundSample: z
                .array(z.string())
                .optional()
                .describe(`The first ${REPORT_SIZE} of them, in the order of ids`),
            })
            .describe('How many of whom; nothing was started'),
        },
      },
    },
    async ({ workspaceId, params, body }) => {
      const backup = await requireRestorable(deps, { workspaceId, params });
      const { db } = deps.database;
      return countRestorable(db, backup, await findNamed(db, workspaceId, body));
    },
  );
};

const restoreBodySchema = z
  .strictObject({
    ...namedShape,
    reason: reasonSchema.optional(),
    notify: z.boolean().default(true).describe('Mail the outcome'),
  })
  .refine(isOneWay, TWO_WAYS)
  .meta({ examples: [{ ids: ['u-1', 'u-2'], reason: 'Deleted by mistake' }] });

interface Wish extends NamedUsers {
  reason?: string | undefined;
  notify: boolean;
}

/**
 * Of a list everyone is a target, also whom nobody deleted: they are reported as not found. Whose
 * its mail addresses are is looked up by the job.
 */
const selectedBy = async (
  db: Db,
  workspaceId: string,
  { ids, listId }: NamedUsers,
): Promise<Pick<WantedJob, 'selection' | 'targetIds' | 'targetsOf'>> => {
  if (ids !== undefined) return { selection: { type: 'ids', count: ids.length }, targetIds: ids };
  if (listId === undefined) return { selection: { type: 'all' } };
  const { id, matchBy } = await resolveList(db, workspaceId, listId, '/listId');
  const targetsOf =
    matchBy === 'email'
      ? { listId: id, users: addressesOfList(id), are: 'addresses' as const }
      : { listId: id, users: idsOfList(id) };
  return { selection: { type: 'list' }, targetsOf };
};

const wantRestore = async (
  { database: { db } }: ApiDeps,
  backup: BackupRow,
  { reason, notify, ...named }: Wish,
): Promise<WantedJob> => ({
  id: uuidv7(),
  type: 'restore',
  ...(await selectedBy(db, backup.workspace_id, named)),
  options: { notify },
  backupId: backup.id,
  ...(reason !== undefined && { reason }),
});

/** Restores: what a deletion took, put back from its backup. */
export const registerRestoreRoutes = (app: App, deps: ApiDeps): void => {
  registerPreview(app, deps);
  app.post(
    '/v1/backups/:id/restores',
    {
      bodyLimit: SELECTION_BODY_LIMIT_BYTES,
      schema: {
        operationId: 'startRestore',
        summary: 'Put back whom a deletion deleted; who is there is never overwritten',
        tags: ['restores'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: restoreBodySchema,
        response: { 202: startedJobSchema },
      },
    },
    async (request: FastifyRequest & { params: { id: string }; body: Wish }, reply) => {
      const job = await beginJob(request, readIdempotency(request), deps, async () =>
        wantRestore(deps, await requireRestorable(deps, request), request.body),
      );
      return acceptJob(request, reply, job, deps);
    },
  );
};
