import type { FastifyRequest } from 'fastify';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { type BackupRow, findBackup } from '../../db/backups.ts';
import { findJobRow } from '../../db/jobs.ts';
import { countRestorable } from '../../db/restores.ts';
import { chosenIdsSchema } from '../../selection/selection.ts';
import type { ApiDeps, App } from '../app.ts';
import { acceptJob, beginJob } from '../begin-job.ts';
import { readIdempotency } from '../idempotency.ts';
import { jobSchema } from '../job-schema.ts';
import { SELECTION_BODY_LIMIT_BYTES } from '../limits.ts';
import { notFound, problem } from '../problems.ts';
import { reasonSchema } from '../reason.ts';

const paramsSchema = z.strictObject({ id: z.uuid() });

const idsSchema = chosenIdsSchema()
  .optional()
  .describe('Users to bring back; all whom the deletion deleted by this backup when not given');

/** States of a backup that a restore may try: one once found damaged may be whole again, or in part. */
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
        body: z.strictObject({ ids: idsSchema }).meta({ examples: [{ ids: ['u-1', 'u-2'] }] }),
        response: {
          200: z.object({
            restorable: z.int().describe('Would come back'),
            present: z.int().describe('Are there now, and would be left as they are'),
            notFound: z.int().describe('Of those named: not deleted by this backup'),
          }),
        },
      },
    },
    async ({ workspaceId, params, body }) => {
      const backup = await requireRestorable(deps, { workspaceId, params });
      return countRestorable(deps.database.db, backup, body.ids);
    },
  );
};

const restoreBodySchema = z
  .strictObject({
    ids: idsSchema,
    reason: reasonSchema.optional(),
    notify: z.boolean().default(true).describe('Mail the outcome'),
  })
  .meta({ examples: [{ ids: ['u-1', 'u-2'], reason: 'Deleted by mistake' }] });

interface Wish {
  ids?: string[] | undefined;
  reason?: string | undefined;
  notify: boolean;
}

const wantRestore = (backup: BackupRow, { ids, reason, notify }: Wish) => ({
  id: uuidv7(),
  type: 'restore' as const,
  selection: ids === undefined ? { type: 'all' } : { type: 'ids', count: ids.length },
  options: { notify },
  backupId: backup.id,
  ...(reason !== undefined && { reason }),
  ...(ids !== undefined && { targetIds: ids }),
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
        response: { 202: jobSchema },
      },
    },
    async (request: FastifyRequest & { params: { id: string }; body: Wish }, reply) => {
      const job = await beginJob(request, readIdempotency(request), deps, async () =>
        wantRestore(await requireRestorable(deps, request), request.body),
      );
      return acceptJob(request, reply, job, deps);
    },
  );
};
