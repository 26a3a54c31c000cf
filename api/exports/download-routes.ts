import { z } from 'zod';
import { findBackup } from '../../db/exports/backups.ts';
import { findDownload } from '../../db/exports/export-files.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { notFound } from '../http/problems.ts';
import { FILE_ANSWER, requireOpenFile, sendExport } from './send-export.ts';

const NOT_MODIFIED = z.undefined().describe('The file is the one that `If-None-Match` names');

const GUARDED =
  'CSV is guarded against formulas unless the export was requested with `spreadsheetSafe: false`.';

const AS_STORED =
  'Every value is as stored, and not guarded against formulas. To use these users in a spreadsheet, ' +
  'restore them, then export them.';

export const registerDownloadRoutes = (app: App, deps: ApiDeps): void => {
  const { db } = deps.database;

  app.get(
    '/v1/exports/:id/file',
    { schema: schemaOf('downloadExport', 'Download the file of an export', 'exports', GUARDED) },
    async (request, reply) => {
      const row = await findDownload(db, request.workspaceId, request.params.id);
      if (row === undefined) throw notFound('export');
      const by = { actorKeyId: request.actor.id };
      return sendExport(deps, { request, reply }, requireOpenFile(row), by);
    },
  );

  app.get(
    '/v1/backups/:id/file',
    { schema: schemaOf('downloadBackup', 'Download the file of a backup', 'backups', AS_STORED) },
    async (request, reply) => {
      const row = await findBackup(db, request.params.id, request.workspaceId);
      if (row === undefined) throw notFound('backup');
      const by = { actorKeyId: request.actor.id };
      return sendExport(deps, { request, reply }, requireOpenFile(row), by);
    },
  );
};

const schemaOf = (operationId: string, summary: string, tag: string, note: string) => ({
  operationId,
  summary,
  description:
    `${note} Supports \`Range\` (one range), \`If-Range\` and \`If-None-Match\`. \`Repr-Digest\` and \`ETag\` have the ` +
    'SHA-256 of the whole file. Each download is in the activity log.',
  tags: [tag],
  params: z.strictObject({ id: z.uuid() }),
  response: { 200: FILE_ANSWER, 206: FILE_ANSWER, 304: NOT_MODIFIED },
});
