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
import { acceptJob, beginJob, type PlannedJob } from '../jobs/begin-job.ts';
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
    .describe('Users to restore; by default all users that were deleted with this backup'),
  listId: z
    .uuid()
    .optional()
    .describe('Instead of `ids`: a list of ids or email addresses, see `POST /v1/user-lists`'),
};

const previewShape = {
  ...namedShape,
  listId: namedShape.listId.describe(
    'Instead of `ids`: a list of ids, see `POST /v1/user-lists`; only the restore itself looks up email addresses',
  ),
};

interface NamedUsers {
  ids?: string[] | undefined;
  listId?: string | undefined;
}

const isOneWay = ({ ids, listId }: NamedUsers): boolean =>
  ids === undefined || listId === undefined;
const TWO_WAYS = { error: 'must not be given together with ids', path: ['listId'] };

/**
 * States of a backup that a restore may try: one once found damaged may be whole again, or in part.
 */
const RESTORABLE = ['verified', 'damaged'];

const previewBodySchema = z
  .strictObject(previewShape)
  .refine(isOneWay, TWO_WAYS)
  .meta({ examples: [{ ids: ['u-1', 'u-2'] }] });

const restoreBodySchema = z
  .strictObject({
    ...namedShape,
    reason: reasonSchema.optional(),
    notify: z.boolean().default(true).describe('Send a mail about the outcome'),
  })
  .refine(isOneWay, TWO_WAYS)
  .meta({ examples: [{ ids: ['u-1', 'u-2'], reason: 'Deleted by mistake' }] });

interface RestoreInput extends NamedUsers {
  reason?: string | undefined;
  notify: boolean;
}

/** Restores: deleted users are restored from the backup of the deletion. */
export const registerRestoreRoutes = (app: App, deps: ApiDeps): void => {
  registerPreview(app, deps);
  app.post(
    '/v1/backups/:id/restores',
    {
      bodyLimit: SELECTION_BODY_LIMIT_BYTES,
      schema: {
        operationId: 'startRestore',
        summary: 'Restore deleted users from a backup; existing users are never overwritten',
        tags: ['restores'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: restoreBodySchema,
        response: { 202: startedJobSchema },
      },
    },
    async (request: FastifyRequest & { params: { id: string }; body: RestoreInput }, reply) => {
      const job = await beginJob(request, readIdempotency(request), deps, async () =>
        planRestore(deps, await requireRestorable(deps, request), request.body),
      );
      return acceptJob(request, reply, job, deps);
    },
  );
};

const registerPreview = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/backups/:id/restore-previews',
    {
      bodyLimit: SELECTION_BODY_LIMIT_BYTES,
      schema: {
        operationId: 'previewRestore',
        summary: 'Preview how many users a restore would restore, and how many already exist',
        tags: ['restores'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: previewBodySchema,
        response: {
          200: z
            .object({
              restorable: z.int().describe('Users that would be restored'),
              present: z.int().describe('Users that exist now and would be left unchanged'),
              notFound: z.int().describe('Of the given users: not deleted with this backup'),
              notFoundSample: z
                .array(z.string())
                .optional()
                .describe(`The first ${REPORT_SIZE} of these ids, in order`),
            })
            .describe('The counts; no restore was started'),
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

/** @throws ProblemError 404, 410 if the backup was removed, 409 while its deletion runs */
const requireRestorable = async (
  { database: { db } }: ApiDeps,
  { workspaceId, params }: { workspaceId: string; params: { id: string } },
): Promise<BackupRow> => {
  const backup = await findBackup(db, params.id, workspaceId);
  if (backup === undefined) throw notFound('backup');
  if (backup.is_over) {
    throw problem('gone', `Backup ${backup.id} was removed. Its data cannot be recovered.`);
  }
  const deletion = await findJobRow(db, backup.job_id, workspaceId);
  if (deletion === undefined || deletion.finished_at === null) {
    throw problem(
      'wrong-state',
      `Deletion ${backup.job_id} is still running. Start the restore after it has ended.`,
      { data: { jobId: backup.job_id } },
    );
  }
  if (!RESTORABLE.includes(backup.state)) {
    throw problem(
      'wrong-state',
      `Backup ${backup.id} was never verified, so no user was deleted with it.`,
      { data: { jobId: backup.job_id } },
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

/** @throws ProblemError 404, or 422 for a list of email addresses */
const resolveIdList = async (db: Db, workspaceId: string, listId: string) => {
  const list = await resolveList(db, workspaceId, listId, '/listId');
  if (list.matchBy === 'userId') return list;
  const detail =
    'is a list of email addresses. The addresses of deleted users are only in the files of the backup, and a ' +
    'preview does not read these. Start the restore with the list: it reports entries that it did not find';
  throw problem('unprocessable', `/listId: ${detail}.`, {
    errors: [{ detail, pointer: '/listId' }],
  });
};

const planRestore = async (
  { database: { db } }: ApiDeps,
  backup: BackupRow,
  { reason, notify, ...named }: RestoreInput,
): Promise<PlannedJob> => ({
  id: uuidv7(),
  type: 'restore',
  ...(await selectedBy(db, backup.workspace_id, named)),
  options: { notify },
  backupId: backup.id,
  ...(reason !== undefined && { reason }),
});

/**
 * All entries of a list are targets; entries that match no deleted user are reported as not found.
 * The job looks up email addresses.
 */
const selectedBy = async (
  db: Db,
  workspaceId: string,
  { ids, listId }: NamedUsers,
): Promise<Pick<PlannedJob, 'selection' | 'targetIds' | 'targetsOf'>> => {
  if (ids !== undefined) return { selection: { type: 'ids', count: ids.length }, targetIds: ids };
  if (listId === undefined) return { selection: { type: 'all' } };
  const { id, matchBy } = await resolveList(db, workspaceId, listId, '/listId');
  const targetsOf =
    matchBy === 'email'
      ? { listId: id, users: addressesOfList(id), are: 'addresses' as const }
      : { listId: id, users: idsOfList(id) };
  return { selection: { type: 'list' }, targetsOf };
};
