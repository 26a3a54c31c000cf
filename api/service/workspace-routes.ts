import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import {
  countFewUsers,
  describeWorkspaces,
  MAX_COUNTED_USERS,
  type WorkspaceRow,
} from '../../db/workspaces.ts';
import { REQUEST_STATES } from '../../workflows/contracts/delete-all.ts';
import { formatCount } from '../../files/format.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import {
  boundTo,
  cursorSchema,
  decodeListCursor,
  limitSchema,
  pageOf,
  toPage,
} from '../http/paging.ts';

const LIST = 'workspaces';
/** The time to count the users of a page, in milliseconds: many locked tables do not add up. */
const PAGE_COUNTS_MS = 1_000;

const workspaceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    createdAt: z.iso.datetime(),
    usersEstimate: z
      .int()
      .nullable()
      .describe(
        `The last estimate of PostgreSQL, which may lag behind recent changes, if it is above ${formatCount(MAX_COUNTED_USERS)}. ` +
          'Otherwise the exact number; null if there are more users than that, or if they cannot be counted in time',
      ),
    unfinishedJobs: z.int(),
    openRequest: z
      .object({ id: z.uuid(), state: z.enum(REQUEST_STATES) })
      .nullable()
      .describe('The delete-all request that has not ended'),
  })
  .meta({ id: 'Workspace' });

export const registerWorkspaceRoutes = (app: App, { database: { db } }: ApiDeps): void => {
  app.get(
    '/v1/workspaces',
    {
      schema: {
        operationId: 'listWorkspaces',
        summary: 'List the workspaces that the key can access, by id',
        tags: ['workspaces'],
        querystring: z.strictObject({ cursor: cursorSchema, limit: limitSchema }),
        response: { 200: pageOf(workspaceSchema).describe('A page of workspaces') },
      },
    },
    async ({ access: { workspaceId }, query: { cursor, limit } }) => {
      const afterId = decodeListCursor(LIST, z.string(), cursor);
      const rows = await describeWorkspaces(db, { workspaceId, afterId, limit: limit + 1 });
      const page = toPage(rows, limit, ({ id }) => boundTo(LIST, id));
      const data = [];
      const untilMs = Date.now() + PAGE_COUNTS_MS;
      // One after the other: a list takes one connection at a time.
      for (const row of page.rows) {
        data.push({
          id: row.id,
          name: row.name,
          createdAt: row.created_at.toISOString(),
          usersEstimate: await estimateUsers(db, row, untilMs),
          unfinishedJobs: row.unfinished_jobs,
          openRequest: openRequestOf(row),
        });
      }
      return { data, nextCursor: page.nextCursor };
    },
  );
};

/** The estimate of a small table is missing, or may be far off. Its users are counted instead. */
const estimateUsers = async (
  db: Db,
  { id, users_estimate: estimate }: Pick<WorkspaceRow, 'id' | 'users_estimate'>,
  untilMs: number,
): Promise<number | null> => {
  if (estimate !== null && estimate > MAX_COUNTED_USERS) return estimate;
  return Date.now() < untilMs ? countFewUsers(db, id) : null;
};

const openRequestOf = ({
  request_id: id,
  request_state: state,
}: Pick<WorkspaceRow, 'request_id' | 'request_state'>) =>
  id === null || state === null ? null : { id, state };
