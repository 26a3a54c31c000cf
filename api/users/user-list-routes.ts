import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import {
  eraseUserList,
  findUserList,
  listUserLists,
  unmatchedEntries,
  type UserListRow,
} from '../../db/users/user-lists.ts';
import { MATCH_BY } from '../../selection/selection.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { csvQueryShape, type SendCsv } from '../jobs/job-log.ts';
import { notFound } from '../http/problems.ts';
import { receiveUserList } from './receive-user-list.ts';
import { readFormsOnly, type WithUpload } from '../imports/uploads.ts';

const userListSchema = z
  .object({
    id: z.uuid(),
    matchBy: z.enum(MATCH_BY).describe('Type of the entries'),
    entries: z.int().describe('Number of distinct entries; the case of email addresses is ignored'),
    repeated: z.int().describe('Lines that repeat an entry'),
    empty: z.int().describe('Lines with an empty cell in this column'),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().describe('When the list will be destroyed'),
  })
  .meta({ id: 'UserList' });

const paramsSchema = z.strictObject({ id: z.uuid() });

/** Lists of users, uploaded as files. */
export const registerUserListRoutes = (
  app: App,
  deps: ApiDeps,
  { sendCsv, withUpload }: { sendCsv: SendCsv; withUpload: WithUpload },
): void => {
  registerUpload(app, deps, withUpload);
  registerReads(app, deps);
  registerNotFound(app, deps, sendCsv);
  registerRemoval(app, deps);
};

const registerUpload = (app: App, deps: ApiDeps, withUpload: WithUpload): void => {
  void app.register(async (scope) => {
    readFormsOnly(scope);
    scope.post(
      '/v1/user-lists',
      {
        schema: {
          operationId: 'createUserList',
          summary: 'Upload a CSV file of ids or email addresses, to select users',
          description:
            'The file is read during the upload, and its entries are kept for one day; see docs/selecting.md. ' +
            'Select users with `{"type": "list", "listId": …}`.',
          tags: ['user lists'],
          querystring: z.strictObject({}),
          response: { 201: userListSchema.describe('The list, ready to select users') },
        },
      },
      async (request, reply) => {
        const { workspaceId, actor } = request;
        const owner = { id: uuidv7(), workspaceId, actorKeyId: actor.id };
        const id = await withUpload(request, (stop) =>
          receiveUserList(request, deps.database.db, owner, stop),
        );
        const list = await getList(deps, workspaceId, id);
        reply.code(201).header('location', `/v1/user-lists/${id}`);
        return toJson(list);
      },
    );
  });
};

/** @throws ProblemError if it does not exist or was deleted */
const getList = async ({ database: { db } }: ApiDeps, workspaceId: string, id: string) => {
  const list = await findUserList(db, id, workspaceId);
  if (list === undefined) throw notFound('list of users');
  return list;
};

const toJson = ({ id, match_by, entries, repeated, empty, ...row }: UserListRow) => ({
  id,
  matchBy: match_by,
  entries,
  repeated,
  empty,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
});

const registerReads = (app: App, deps: ApiDeps): void => {
  app.get(
    '/v1/user-lists',
    {
      schema: {
        operationId: 'listUserLists',
        summary: 'List the user lists that have not expired, oldest first',
        tags: ['user lists'],
        querystring: z.strictObject({}),
        response: { 200: z.object({ data: z.array(userListSchema) }).describe('The lists') },
      },
    },
    async ({ workspaceId }) => ({
      data: (await listUserLists(deps.database.db, workspaceId)).map(toJson),
    }),
  );
  app.get(
    '/v1/user-lists/:id',
    {
      schema: {
        operationId: 'getUserList',
        summary: 'Get a user list, without its entries',
        tags: ['user lists'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: { 200: userListSchema.describe('The list') },
      },
    },
    async ({ workspaceId, params }) => toJson(await getList(deps, workspaceId, params.id)),
  );
};

const registerNotFound = (app: App, deps: ApiDeps, sendCsv: SendCsv): void => {
  app.get(
    '/v1/user-lists/:id/not-found',
    {
      schema: {
        operationId: 'getUserListNotFound',
        summary: 'Download the entries that select no user now, as CSV: line, entry, reason, users',
        description:
          '`notFound`: no user matches. `ambiguous`: several users have the email address; `users` is their number.',
        tags: ['user lists'],
        params: paramsSchema,
        querystring: z.strictObject(csvQueryShape),
        response: {
          200: { description: 'The entries', content: { 'text/csv': { schema: z.string() } } },
        },
      },
    },
    async ({ workspaceId, params, query: { spreadsheetSafe } }, reply) => {
      const { id, match_by: matchBy } = await getList(deps, workspaceId, params.id);
      const query = unmatchedEntries({ id, workspaceId, matchBy });
      return sendCsv(reply, { fileName: `user-list-${id}.csv`, query, spreadsheetSafe });
    },
  );
};

const registerRemoval = (app: App, deps: ApiDeps): void => {
  app.delete(
    '/v1/user-lists/:id',
    {
      schema: {
        operationId: 'deleteUserList',
        summary: 'Destroy a list now; its previews and jobs stay unchanged',
        tags: ['user lists'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: { 204: z.undefined().describe('The list was deleted; its users remain') },
      },
    },
    async ({ workspaceId, params }, reply) => {
      const { id } = await getList(deps, workspaceId, params.id);
      await eraseUserList(deps.database.db, id);
      return reply.code(204).send();
    },
  );
};
