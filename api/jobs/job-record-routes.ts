import { z } from 'zod';
import { findJobRow } from '../../db/jobs/jobs.ts';
import {
  type DoneOutcome,
  FIRST_POSITION,
  listDoneAfter,
  listOutcomes,
  type UserRecord,
} from '../../db/jobs/outcomes.ts';
import type { Db } from '../../db/client.ts';
import { capitalized } from '../../rules/capitalized.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { requireRecords } from './job-log.ts';
import { OUTCOMES, RECORDED_TYPES, type RecordedType, type RecordOutcome } from './job-outcomes.ts';
import {
  boundTo,
  cursorSchema,
  decodeListCursor,
  encodeCursor,
  limitSchema,
  pageOf,
} from '../http/paging.ts';
import { notFound } from '../http/problems.ts';
import { JOB_KINDS } from '../../workflows/contracts/jobs.ts';

/** More than the longest name of a constraint or function, with its words. */
const MAX_REASON_FILTER_LENGTH = 500;

const USER_ID = {
  deletion: 'Of the user',
  restore:
    'Id of the user, or `mailto:` and the lower-case email address if the address restores no user',
} as const;

const REASON = {
  deletion: 'The reason of a failure',
  restore:
    'The reason of a failure. For an email address: `notDeleted` if no user with the address was deleted with the backup, ' +
    '`ambiguous` if several users were',
} as const;

const reasonFilterSchema = z
  .string()
  .max(MAX_REASON_FILTER_LENGTH)
  .optional()
  .describe('Exactly this reason. If empty: only users without a reason');

const count = z.int().min(0).max(2_147_483_647);

/**
 * Users with the successful outcome come first, by their position in the backups. The others
 * follow, by their number.
 */
const positionSchema = z.union([
  z.strictObject({ pass: count, attempt: count, part: count, cursor: count, index: count }),
  z.strictObject({ skip: count }),
]);

type Position = z.infer<typeof positionSchema>;
interface RecordPage {
  /** Users with the successful outcome. */
  done: DoneOutcome;
  outcome: RecordOutcome | undefined;
  /** Only users with this reason; if empty, only users without one. */
  reason: string | undefined;
  position: Position | undefined;
  limit: number;
}

interface Records {
  rows: UserRecord[];
  next: Position | undefined;
}

/** The outcome of each user of a deletion or restore, in pages. */
export const registerJobRecordRoutes = (app: App, deps: ApiDeps): void => {
  for (const type of RECORDED_TYPES) registerRecords(app, deps, type);
};

const registerRecords = (app: App, { database }: ApiDeps, type: RecordedType): void => {
  const { path } = JOB_KINDS[type];
  app.get(
    `/v1/${path}/:id/records`,
    {
      schema: {
        operationId: `list${capitalized(type)}Records`,
        summary: `List the outcome for each user of a ${type}`,
        tags: [path],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({
          outcome: z.enum(OUTCOMES[type] as readonly RecordOutcome[]).optional(),
          reason: reasonFilterSchema,
          cursor: cursorSchema,
          limit: limitSchema,
        }),
        response: {
          200: pageOf(recordSchemaOf(type)).describe('A page of users and their outcomes'),
        },
      },
    },
    async ({ workspaceId, params: { id }, query: { outcome, reason, cursor, limit } }) => {
      const job = await findJobRow(database.db, id, workspaceId);
      if (job?.type !== type) throw notFound(type);
      requireRecords(job);
      // `skip` counts the users of this job and these filters only.
      const list = JSON.stringify(['records', job.id, outcome, reason]);
      const position = decodeListCursor(list, positionSchema, cursor);
      const [done] = OUTCOMES[type];
      const wanted = { done, outcome, reason, position, limit };
      const { rows, next } = await listRecords(database.db, id, wanted);
      return {
        data: rows.map((row) => ({
          userId: row.user_id,
          outcome: row.outcome,
          reason: row.reason,
        })),
        nextCursor: next === undefined ? null : encodeCursor(boundTo(list, next)),
      };
    },
  );
};

const recordSchemaOf = (type: RecordedType) =>
  z.object({
    userId: z.string().describe(USER_ID[type]),
    outcome: z.enum(OUTCOMES[type] as readonly RecordOutcome[]),
    reason: z.string().nullable().describe(REASON[type]),
  });

const listRecords = async (db: Db, jobId: string, page: RecordPage): Promise<Records> => {
  const done = await pageOfDone(db, jobId, page);
  if (done.next !== undefined) return done;
  const room = page.limit - done.rows.length;
  // A full page must still check whether more users follow.
  const others = await pageOfOthers(db, jobId, { ...page, limit: room });
  return { rows: [...done.rows, ...others.rows], next: others.next };
};

const pageOfDone = async (db: Db, jobId: string, page: RecordPage): Promise<Records> => {
  if (page.position !== undefined && 'skip' in page.position) return { rows: [], next: undefined };
  if (page.outcome !== undefined && page.outcome !== page.done) {
    return { rows: [], next: undefined };
  }
  // A user with the successful outcome has no reason.
  if (page.reason !== undefined && page.reason !== '') return { rows: [], next: undefined };
  const found = await listDoneAfter(db, jobId, page.position ?? FIRST_POSITION, page.limit + 1);
  const rows = found.slice(0, page.limit);
  const last = rows.at(-1);
  return {
    rows: rows.map(({ user_id }) => ({ user_id, outcome: page.done, reason: null })),
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
  const { outcome, reason, limit } = page;
  if (outcome === 'deleted' || outcome === 'restored') return { rows: [], next: undefined };
  const skip = page.position !== undefined && 'skip' in page.position ? page.position.skip : 0;
  const found = await listOutcomes(db, jobId, { outcome, reason, skip, limit: limit + 1 });
  return {
    rows: found.slice(0, limit),
    next: found.length > limit ? { skip: skip + limit } : undefined,
  };
};
