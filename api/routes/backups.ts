import { z } from 'zod';
import { type BackupRow, findBackup, listBackups } from '../../db/backups.ts';
import type { ApiDeps, App } from '../app.ts';
import { cursorSchema, decodeCursor, limitSchema, pageOf, toPage } from '../paging.ts';
import { notFound } from '../problems.ts';

const backupSchema = z.object({
  id: z.uuid(),
  deletionId: z.uuid(),
  pass: z.int(),
  state: z.enum(['writing', 'written', 'verified', 'damaged', 'removed']),
  rows: z.int().nullable(),
  bytes: z.int().nullable(),
  sha256: z.string().nullable(),
  createdAt: z.string(),
  verifiedAt: z.string().nullable(),
  expiresAt: z.string(),
  links: z.record(z.string(), z.string()),
});

const toBackupJson = (row: BackupRow): z.infer<typeof backupSchema> => ({
  id: row.id,
  deletionId: row.job_id,
  pass: row.pass,
  state: row.state,
  rows: row.rows,
  bytes: row.bytes,
  sha256: row.sha256,
  createdAt: row.created_at.toISOString(),
  verifiedAt: row.verified_at?.toISOString() ?? null,
  expiresAt: row.expires_at.toISOString(),
  links: {
    self: `/v1/backups/${row.id}`,
    deletion: `/v1/deletions/${row.job_id}`,
    ...(row.state === 'verified' && {
      file: `/v1/backups/${row.id}/file`,
      links: `/v1/backups/${row.id}/links`,
    }),
  },
});

export const registerBackupRoutes = (app: App, { database }: ApiDeps): void => {
  app.get(
    '/v1/backups',
    {
      schema: {
        operationId: 'listBackups',
        summary: 'Backups of deletions, newest first',
        tags: ['backups'],
        querystring: z.strictObject({
          deletionId: z.uuid().optional(),
          cursor: cursorSchema,
          limit: limitSchema,
        }),
        response: { 200: pageOf(backupSchema) },
      },
    },
    async ({ workspaceId, query: { deletionId, cursor, limit } }) => {
      const rows = await listBackups(database.db, {
        workspaceId,
        deletionId,
        beforeId: decodeCursor(z.uuid(), cursor),
        limit: limit + 1,
      });
      const page = toPage(rows, limit, (row) => row.id);
      return { data: page.rows.map(toBackupJson), nextCursor: page.nextCursor };
    },
  );

  app.get(
    '/v1/backups/:id',
    {
      schema: {
        operationId: 'getBackup',
        summary: 'One backup',
        tags: ['backups'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({}),
        response: { 200: backupSchema },
      },
    },
    async ({ access, params: { id } }) => {
      const row = await findBackup(database.db, id, access.workspaceId);
      if (row === undefined) throw notFound('backup');
      return toBackupJson(row);
    },
  );
};
