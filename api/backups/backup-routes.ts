import { z } from 'zod';
import { findBackup, listBackups } from '../../db/exports/backups.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { backupSchema, toBackupJson } from './backup-json.ts';
import {
  cursorSchema,
  decodeIdCursor,
  limitSchema,
  pageOf,
  positionIn,
  toPage,
} from '../http/paging.ts';
import { notFound } from '../http/problems.ts';

export const registerBackupRoutes = (app: App, { database }: ApiDeps): void => {
  app.get(
    '/v1/backups',
    {
      schema: {
        operationId: 'listBackups',
        summary: 'List the backups of one workspace or of all, newest first',
        tags: ['backups'],
        querystring: z.strictObject({
          deletionId: z.uuid().optional(),
          cursor: cursorSchema,
          limit: limitSchema,
        }),
        response: { 200: pageOf(backupSchema).describe('A page of backups') },
      },
    },
    async ({ access: { workspaceId }, query: { deletionId, cursor, limit } }) => {
      const rows = await listBackups(database.db, {
        workspaceId,
        deletionId,
        beforeId: decodeIdCursor('backups', cursor),
        limit: limit + 1,
      });
      const page = toPage(rows, limit, positionIn('backups'));
      return { data: page.rows.map(toBackupJson), nextCursor: page.nextCursor };
    },
  );

  app.get(
    '/v1/backups/:id',
    {
      schema: {
        operationId: 'getBackup',
        summary: 'Get a backup',
        tags: ['backups'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({}),
        response: { 200: backupSchema.describe('The backup') },
      },
    },
    async ({ access, params: { id } }) => {
      const row = await findBackup(database.db, id, access.workspaceId);
      if (row === undefined) throw notFound('backup');
      return toBackupJson(row);
    },
  );
};
