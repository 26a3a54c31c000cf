import { z } from 'zod';
import {
  deleteMapping,
  findMapping,
  listMappings,
  type MappingRow,
  MAX_MAPPINGS,
  putMapping,
} from '../../db/imports/import-mappings.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { mappingFaults } from '../../imports/mapping.ts';
import type { ColumnMapping } from '../../imports/options.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { columnsSchema, mappingNameSchema, unprocessable } from './import-mapping.ts';
import {
  boundTo,
  cursorSchema,
  decodeListCursor,
  limitSchema,
  pageOf,
  toPage,
} from '../http/paging.ts';
import { notFound, problem } from '../http/problems.ts';

const LIST = 'importMappings';

const bodySchema = z.strictObject({ columns: columnsSchema }).meta({
  examples: [{ columns: { 'Customer No': 'userId', 'E-mail Address': 'email', Notes: null } }],
});

const mappingSchema = z
  .object({
    name: z.string(),
    columns: z.record(z.string(), z.string().nullable()),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'ImportMapping' });

const paramsSchema = z.strictObject({ name: mappingNameSchema });

type Database = ApiDeps['database'];

/** Column mappings for imports. A job keeps a copy of its mapping. */
export const registerImportMappingRoutes = (app: App, deps: ApiDeps): void => {
  const { database } = deps;
  registerReading(app, deps);
  app.put(
    '/v1/import-mappings/:name',
    {
      schema: {
        operationId: 'putImportMapping',
        summary: `Save a column mapping; replaces a mapping with the same name; at most ${MAX_MAPPINGS} mappings`,
        tags: ['imports'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: bodySchema,
        response: {
          200: mappingSchema.describe('The mapping, which replaced an existing mapping'),
          201: mappingSchema.describe('The new mapping'),
        },
      },
    },
    async ({ workspaceId, params: { name }, body: { columns } }, reply) => {
      await requireSense(database, workspaceId, columns);
      const put = await putMapping(database.db, { workspaceId, name, columns });
      if (put === 'tooMany') {
        throw problem(
          'limit-reached',
          `Workspace ${workspaceId} has ${MAX_MAPPINGS} column mappings, which is the maximum.`,
        );
      }
      reply.code(put === 'created' ? 201 : 200);
      return getMapping(database, workspaceId, name);
    },
  );
  app.delete(
    '/v1/import-mappings/:name',
    {
      schema: {
        operationId: 'deleteImportMapping',
        summary: 'Delete a column mapping; imports that use it continue',
        tags: ['imports'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: { 204: z.undefined().describe('The mapping was deleted') },
      },
    },
    async ({ workspaceId, params: { name } }, reply) => {
      if (!(await deleteMapping(database.db, workspaceId, name))) throw notFound('import mapping');
      return reply.code(204).send();
    },
  );
};

const registerReading = (app: App, { database }: ApiDeps): void => {
  app.get(
    '/v1/import-mappings',
    {
      schema: {
        operationId: 'listImportMappings',
        summary: 'List the column mappings for imports, by name',
        tags: ['imports'],
        querystring: z.strictObject({ cursor: cursorSchema, limit: limitSchema }),
        response: { 200: pageOf(mappingSchema).describe('A page of mappings') },
      },
    },
    async ({ workspaceId, query: { cursor, limit } }) => {
      const afterName = decodeListCursor(LIST, z.string(), cursor);
      const rows = await listMappings(database.db, { workspaceId, afterName, limit: limit + 1 });
      const page = toPage(rows, limit, ({ name }) => boundTo(LIST, name));
      return { data: page.rows.map(toJson), nextCursor: page.nextCursor };
    },
  );
  app.get(
    '/v1/import-mappings/:name',
    {
      schema: {
        operationId: 'getImportMapping',
        summary: 'Get a column mapping',
        tags: ['imports'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: { 200: mappingSchema.describe('The mapping') },
      },
    },
    async ({ workspaceId, params }) => getMapping(database, workspaceId, params.name),
  );
};

const toJson = ({ name, columns, created_at, updated_at }: MappingRow) => ({
  name,
  columns: columns as ColumnMapping,
  createdAt: created_at.toISOString(),
  updatedAt: updated_at.toISOString(),
});

const getMapping = async ({ db }: Database, workspaceId: string, name: string) => {
  const row = await findMapping(db, workspaceId, name);
  if (row === undefined) throw notFound('import mapping');
  return toJson(row);
};

/** @throws ProblemError 422 naming each column that cannot be mapped so, whatever the file */
const requireSense = async (
  { db }: Database,
  workspaceId: string,
  columns: ColumnMapping,
): Promise<void> => {
  const faults = mappingFaults(columns, undefined, await propertyTypesOf(db, workspaceId));
  if (faults.length === 0) return;
  throw unprocessable(
    faults.map(({ name, detail, pointer }) => ({
      detail: name + detail,
      pointer: pointer.replace('/options', ''),
    })),
  );
};
