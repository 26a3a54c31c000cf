import { z } from 'zod';
import { copyText } from '../../db/copy-text.ts';
import { findJobRow } from '../../db/jobs.ts';
import {
  type DeletionRecord,
  FIRST_PLACE,
  listDeletedAfter,
  listOutcomes,
  logCopyStatement,
} from '../../db/outcomes.ts';
import type { Db } from '../../db/client.ts';
import type { ApiDeps, App } from '../app.ts';
import { cursorSchema, decodeCursor, encodeCursor, limitSchema, pageOf } from '../paging.ts';
import { notFound, problem } from '../problems.ts';

const OUTCOMES = [
  'deleted',
  'changedSinceBackup',
  'notFound',
  'held',
  'failed',
  'unprocessed',
] as const;

/** Logs sent at the same time: each holds a connection for as long as its reader takes. */
const MAX_LOGS_AT_ONCE = 3;

const recordSchema = z.object({
  userId: z.string(),
  outcome: z.enum(OUTCOMES),
  reason: z.string().nullable(),
});

const count = z.int().min(0).max(2_147_483_647);

/** The deleted come first, by their place in the backups; then the others, by how many came before. */
const placeSchema = z.union([
  z.strictObject({ pass: count, attempt: count, part: count, cursor: count, index: count }),
  z.strictObject({ skip: count }),
]);

type Place = z.infer<typeof placeSchema>;
type RecordOutcome = (typeof OUTCOMES)[number];

interface RecordPage {
  outcome: RecordOutcome | undefined;
  place: Place | undefined;
  limit: number;
}

interface Records {
  rows: DeletionRecord[];
  next: Place | undefined;
}

const pageOfDeleted = async (db: Db, jobId: string, page: RecordPage): Promise<Records> => {
  if (page.place !== undefined && 'skip' in page.place) return { rows: [], next: undefined };
  if (page.outcome !== undefined && page.outcome !== 'deleted')
    return { rows: [], next: undefined };
  const found = await listDeletedAfter(db, jobId, page.place ?? FIRST_PLACE, page.limit + 1);
  const rows = found.slice(0, page.limit);
  const last = rows.at(-1);
  return {
    rows: rows.map(({ user_id }) => ({ user_id, outcome: 'deleted', reason: null })),
    next:
      found.length > page.limit && last !== undefined
        ? {
            pass: last.pass,
            attempt: last.attempt,
            part: last.part,
            cursor: last.cursor,
            index: last.index,
          }
        : undefined,
  };
};

const pageOfOthers = async (db: Db, jobId: string, page: RecordPage): Promise<Records> => {
  if (page.outcome === 'deleted') return { rows: [], next: undefined };
  const skip = page.place !== undefined && 'skip' in page.place ? page.place.skip : 0;
  const { outcome, limit } = page;
  const found = await listOutcomes(db, jobId, { outcome, skip, limit: limit + 1 });
  return {
    rows: found.slice(0, limit),
    next: found.length > limit ? { skip: skip + limit } : undefined,
  };
};

const listRecords = async (db: Db, jobId: string, page: RecordPage): Promise<Records> => {
  const deleted = await pageOfDeleted(db, jobId, page);
  if (deleted.next !== undefined) return deleted;
  const room = page.limit - deleted.rows.length;
  // A full page of deleted users still has to know whether anyone comes after them.
  const others = await pageOfOthers(db, jobId, { ...page, limit: room });
  return { rows: [...deleted.rows, ...others.rows], next: others.next };
};

const registerRecords = (app: App, { database }: ApiDeps): void => {
  app.get(
    '/v1/deletions/:id/records',
    {
      schema: {
        operationId: 'listDeletionRecords',
        summary: 'What became of each user of a deletion',
        tags: ['deletions'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({
          outcome: z.enum(OUTCOMES).optional(),
          cursor: cursorSchema,
          limit: limitSchema,
        }),
        response: { 200: pageOf(recordSchema) },
      },
    },
    async ({ workspaceId, params: { id }, query: { outcome, cursor, limit } }) => {
      const job = await findJobRow(database.db, id, workspaceId);
      if (job?.type !== 'deletion') throw notFound('deletion');
      const place = decodeCursor(placeSchema, cursor);
      const { rows, next } = await listRecords(database.db, id, { outcome, place, limit });
      return {
        data: rows.map((row) => ({
          userId: row.user_id,
          outcome: row.outcome,
          reason: row.reason,
        })),
        nextCursor: next === undefined ? null : encodeCursor(next),
      };
    },
  );
};

const registerLog = (app: App, { database }: ApiDeps): void => {
  let open = 0;
  app.get(
    '/v1/deletions/:id/log',
    {
      schema: {
        operationId: 'getDeletionLog',
        summary: 'The same as one CSV file: userId, outcome, reason',
        tags: ['deletions'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({}),
        response: {
          200: { description: 'The log', content: { 'text/csv': { schema: z.any() } } },
        },
      },
    },
    async ({ workspaceId, params: { id } }, reply) => {
      const job = await findJobRow(database.db, id, workspaceId);
      if (job?.type !== 'deletion') throw notFound('deletion');
      if (open >= MAX_LOGS_AT_ONCE)
        throw problem('busy', 'Other logs are being sent; wait a little.');
      open++;
      const release = () => void open--;
      const log = await copyText(database.pool, logCopyStatement(job.id)).catch(
        (error: unknown) => {
          release();
          throw error;
        },
      );
      log.once('close', release);
      return reply
        .type('text/csv; charset=utf-8; header=present')
        .header('content-disposition', `attachment; filename="deletion-${job.id}.csv"`)
        .send(log);
    },
  );
};

export const registerDeletionRecordRoutes = (app: App, deps: ApiDeps): void => {
  registerRecords(app, deps);
  registerLog(app, deps);
};
