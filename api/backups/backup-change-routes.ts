import { sql } from 'kysely';
import { z } from 'zod';
import { changeBackup, type BackupChanged } from '../../db/exports/backup-changes.ts';
import { type BackupRow, findBackup } from '../../db/exports/backups.ts';
import type { Trx } from '../../db/client.ts';
import { REQUEST_LOCK_MS } from '../../db/connections/timeouts.ts';
import { type Purge, purgeBackup } from '../../db/exports/removals.ts';
import { MAX_BACKUP_YEARS } from '../../rules/retention.ts';
import { DATETIME_RULE, dateTimeOf } from '../../selection/date-times.ts';
import { destroyExport } from '../../files/destroy-export.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { backupSchema, purgePhraseOf, toBackupJson } from './backup-json.ts';
import { notFound, problem, type ProblemError } from '../http/problems.ts';
import { reasonSchema } from '../jobs/reason.ts';

const paramsSchema = z.strictObject({ id: z.uuid() });

/** Keeps the text: a schema that transforms would lose the example of the body. */
const timestampSchema = z
  .string()
  .refine((text) => dateTimeOf(text, 'datetime') !== undefined, DATETIME_RULE)
  .meta({ format: 'date-time' });

const changeSchema = z
  .strictObject({
    expiresAt: timestampSchema
      .optional()
      .describe(
        `Must be later than now and than the current expiry; at most ${MAX_BACKUP_YEARS} years from now`,
      ),
    legalHold: z.boolean().optional().describe('Only the platform team may set this'),
    reason: reasonSchema.optional(),
  })
  .refine(
    ({ expiresAt, legalHold }) => expiresAt !== undefined || legalHold !== undefined,
    'must have at least one change',
  )
  .meta({ examples: [{ expiresAt: '2030-06-30T00:00:00Z', reason: 'The audit is not finished' }] });

const purgeSchema = z
  .strictObject({
    confirm: z.string().describe('The `purgePhrase` of the backup, typed by a person'),
    reason: reasonSchema,
  })
  .meta({ examples: [{ confirm: 'purge backup of 3 users', reason: 'A user requested erasure' }] });

/** Routes that change or purge a backup. */
export const registerBackupChangeRoutes = (app: App, deps: ApiDeps): void => {
  registerChange(app, deps);
  registerPurge(app, deps);
};

const registerChange = (app: App, deps: ApiDeps): void => {
  app.patch(
    '/v1/backups/:id',
    {
      schema: {
        operationId: 'changeBackup',
        summary: 'Extend a backup, or set or clear its hold',
        tags: ['backups'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: changeSchema,
        response: { 200: backupSchema.describe('The backup after the change') },
      },
    },
    async ({ access, actor, params: { id }, body: { expiresAt, legalHold, reason } }) => {
      if (legalHold !== undefined && actor.role !== 'platform') {
        const errors = [
          { detail: 'may be changed by the platform team only', pointer: '/legalHold' },
        ];
        throw problem('forbidden', 'Only a key with the role platform can hold a backup.', {
          errors,
        });
      }
      await getBackup(deps, id, access.workspaceId);
      const change = {
        id,
        actorKeyId: actor.id,
        reason,
        legalHold,
        expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
      };
      const result = await withLock(deps, (trx) => changeBackup(trx, change));
      if (result !== 'changed') throw whyUnchanged(id, result);
      return toBackupJson(await getBackup(deps, id, null));
    },
  );
};

const getBackup = async (
  { database: { db } }: ApiDeps,
  id: string,
  workspaceId: string | null,
): Promise<BackupRow> => {
  const row = await findBackup(db, id, workspaceId);
  if (row === undefined) throw notFound('backup');
  return row;
};

/** A short transaction that fails if it has to wait long for a lock. */
const withLock = <Result>({ database: { db } }: ApiDeps, work: (trx: Trx) => Promise<Result>) =>
  db.transaction().execute(async (trx) => {
    await sql`SELECT set_config('lock_timeout', ${String(REQUEST_LOCK_MS)}, true)`.execute(trx);
    return work(trx);
  });

const whyUnchanged = (id: string, result: Exclude<BackupChanged, 'changed'>): ProblemError => {
  switch (result) {
    case 'gone':
      return isGone(id);
    case 'sooner':
      return refuse(
        'The retention of a backup can only be extended. To end it now, purge the backup.',
        '/expiresAt',
      );
    case 'tooLate':
      return refuse(`A backup can be kept for at most ${MAX_BACKUP_YEARS} years.`, '/expiresAt');
  }
};

const isGone = (id: string): ProblemError =>
  problem('gone', `Backup ${id} was removed. Its data cannot be recovered.`);

const refuse = (detail: string, pointer: string): ProblemError =>
  problem('unprocessable', detail, { errors: [{ detail, pointer }] });

const registerPurge = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/backups/:id/purge',
    {
      schema: {
        operationId: 'purgeBackup',
        summary: 'Destroy a backup and the traces of its users permanently',
        tags: ['backups'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: purgeSchema,
        response: {
          200: backupSchema.describe('The backup was removed, and its files were destroyed'),
          202: backupSchema.describe(
            'The backup was removed; its files will be destroyed within an hour',
          ),
        },
      },
    },
    async ({ access, actor, params: { id }, body: { confirm, reason }, log }, reply) => {
      const row = await getBackup(deps, id, access.workspaceId);
      if (row.state === 'removed') throw isGone(id);
      const phrase = purgePhraseOf(row);
      if (confirm !== phrase) {
        throw refuse(`To purge backup ${id}, confirm with: ${phrase}`, '/confirm');
      }
      const purge = { id, proof: actor.proof, reason };
      const kept = whyKept(row, await withLock(deps, (trx) => purgeBackup(trx, purge)));
      if (kept !== undefined) throw kept;
      // The backup is already removed. If its files are not destroyed here, the schedule does it.
      await destroyExport({ db: deps.database.db, storage: deps.storage }, id).catch(
        (error: unknown) => {
          reply.code(202);
          log.warn(
            { err: error, backupId: id },
            'a purged backup was not removed: the schedule will remove it',
          );
        },
      );
      return toBackupJson(await getBackup(deps, id, null));
    },
  );
};

const whyKept = (
  { id, job_id: deletionId }: Pick<BackupRow, 'id' | 'job_id'>,
  result: Purge,
): ProblemError | undefined => {
  switch (result.status) {
    case 'removed':
      return undefined;
    case 'gone':
      return isGone(id);
    case 'own':
      return problem(
        'self-purge',
        `You started the deletion of backup ${id}, with this key or with another of your keys.`,
      );
    case 'held':
      return problem('wrong-state', `Backup ${id} is under legal hold. Clear the hold first.`, {
        data: { jobId: deletionId },
      });
    case 'inUse':
      return problem(
        'wrong-state',
        `Job ${result.jobId} needs backup ${id}. Wait until the job has ended, or cancel the job. Then purge the backup.`,
        { data: { jobId: result.jobId } },
      );
  }
};
