import { z } from 'zod';
import { describeWorkspaces, type WorkspaceRow } from '../../db/workspaces.ts';
import { REQUEST_STATES } from '../../workflows/contracts/delete-all.ts';
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

const workspaceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    createdAt: z.iso.datetime(),
    usersEstimate: z
      .int()
      .nullable()
      .describe('The last estimate of PostgreSQL, which may lag behind recent changes; or null'),
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
      const data = page.rows.map((row) => ({
        id: row.id,
        name: row.name,
        createdAt: row.created_at.toISOString(),
        usersEstimate: row.users_estimate,
        unfinishedJobs: row.unfinished_jobs,
        openRequest: openRequestOf(row),
      }));
      return { data, nextCursor: page.nextCursor };
    },
  );
};

const openRequestOf = ({
  request_id: id,
  request_state: state,
}: Pick<WorkspaceRow, 'request_id' | 'request_state'>) =>
  id === null || state === null ? null : { id, state };
