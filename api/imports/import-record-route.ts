import { z } from 'zod';
import { listImportFailures, MAX_SHOWN_LENGTH } from '../../db/imports/import-failures.ts';
import { findJobRow } from '../../db/jobs/jobs.ts';
import { FAILURE_CODES } from '../../imports/log/failed-lines.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { requireRecords } from '../jobs/job-log.ts';
import {
  boundTo,
  cursorSchema,
  decodeListCursor,
  limitSchema,
  pageOf,
  toPage,
} from '../http/paging.ts';
import { notFound } from '../http/problems.ts';

const codeSchema = z.enum(FAILURE_CODES);

const failureSchema = z.object({
  line: z.int().describe('Number of the line in the file; the header is line 1'),
  payload: z.string().describe(`The first ${MAX_SHOWN_LENGTH} characters of the line, as CSV`),
  code: codeSchema,
  message: z.string().describe('The columns with errors, and the rules that they break'),
});

const positionSchema = z.int().min(0).max(2_147_483_647);

/** The failed lines of an import, in pages. */
export const registerImportRecordRoute = (app: App, { database: { db } }: ApiDeps): void => {
  app.get(
    '/v1/imports/:id/records',
    {
      schema: {
        operationId: 'listImportRecords',
        summary: 'List the failed lines of an import, in the order of the file',
        tags: ['imports'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({
          code: codeSchema.optional(),
          cursor: cursorSchema,
          limit: limitSchema,
        }),
        response: { 200: pageOf(failureSchema).describe('A page of lines') },
      },
    },
    async ({ workspaceId, params: { id }, query: { code, cursor, limit } }) => {
      const job = await findJobRow(db, id, workspaceId);
      if (job?.type !== 'import') throw notFound('import');
      requireRecords(job);
      const list = `records of ${job.id}`;
      const afterLine = decodeListCursor(list, positionSchema, cursor) ?? 0;
      const rows = await listImportFailures(db, id, { code, afterLine, limit: limit + 1 });
      const page = toPage(rows, limit, ({ line }) => boundTo(list, line));
      return {
        data: page.rows.map((row) => ({ ...row, code: codeSchema.parse(row.code) })),
        nextCursor: page.nextCursor,
      };
    },
  );
};
