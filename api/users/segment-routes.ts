import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { propertyTypesOf } from '../../db/users/properties.ts';
import {
  createSegment,
  deleteSegment,
  findSegment,
  listSegments,
  type SegmentRow,
  updateSegment,
} from '../../db/users/segments.ts';
import { countUsersUntil } from '../../db/users/user-count.ts';
import { compileFilter } from '../../selection/compile.ts';
import { checkFilter, type Filter, freezeFilter } from '../../selection/filter.ts';
import { filterSchema } from '../../selection/filter-schema.ts';
import { nameSchema } from '../../selection/names.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { COUNT_DEADLINE_MS } from '../http/limits.ts';
import {
  cursorSchema,
  decodeIdCursor,
  limitSchema,
  pageOf,
  positionIn,
  toPage,
} from '../http/paging.ts';
import { invalidRequest, notFound, problem } from '../http/problems.ts';
import type { CountInTurn } from './timed-count.ts';

const segmentShape = { name: nameSchema, filter: filterSchema };

const newSegmentSchema = z.strictObject(segmentShape).meta({
  examples: [
    {
      name: 'Quiet customers in India',
      filter: {
        and: [
          { field: 'country', op: 'is', value: 'IN' },
          { not: { field: 'updatedAt', op: 'gte', value: { daysAgo: 90 } } },
        ],
      },
    },
  ],
});

const patchSchema = z
  .strictObject(segmentShape)
  .partial()
  .refine((patch) => Object.keys(patch).length > 0, 'must have at least one change')
  .meta({ minProperties: 1, examples: [{ name: 'Customers in India' }] });

const segmentSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    filter: filterSchema,
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Segment' });

const countedSchema = segmentSchema.extend({
  count: z
    .int()
    .nullable()
    .describe(
      `Number of users that match now; null if counting took longer than ${COUNT_DEADLINE_MS / 1000} seconds`,
    ),
});

const paramsSchema = z.strictObject({ id: z.uuid() });

type Database = ApiDeps['database'];

/** Saved filters. */
export const registerSegmentRoutes = (
  app: App,
  { database }: ApiDeps,
  countInTurn: CountInTurn,
): void => {
  const getSegment = createGetSegment(database, countInTurn);
  registerCollection(app, database, getSegment);
  registerOne(app, database, getSegment);
};

const registerCollection = (app: App, database: Database, getSegment: GetSegment): void => {
  app.get(
    '/v1/segments',
    {
      schema: {
        operationId: 'listSegments',
        summary: 'List segments, in the order of their creation',
        tags: ['segments'],
        querystring: z.strictObject({ cursor: cursorSchema, limit: limitSchema }),
        response: { 200: pageOf(segmentSchema).describe('A page of segments') },
      },
    },
    async ({ workspaceId, query: { cursor, limit } }) => {
      const afterId = decodeIdCursor('segments', cursor);
      const rows = await listSegments(database.db, { workspaceId, afterId, limit: limit + 1 });
      const page = toPage(rows, limit, positionIn('segments'));
      return { data: page.rows.map(toJson), nextCursor: page.nextCursor };
    },
  );
  app.post(
    '/v1/segments',
    {
      schema: {
        operationId: 'createSegment',
        summary: 'Save a filter with a name; relative dates stay relative',
        tags: ['segments'],
        querystring: z.strictObject({}),
        body: newSegmentSchema,
        response: {
          201: countedSchema.describe('The segment and its current count'),
        },
      },
    },
    async ({ workspaceId, body: { name, filter } }, reply) => {
      await requireFitting(database, workspaceId, filter);
      const id = await createSegment(database.db, { workspaceId, name, filter });
      if (id === undefined) throw nameTaken();
      reply.code(201).header('location', `/v1/segments/${id}`);
      return getSegment(workspaceId, id, reply.raw);
    },
  );
};

const toJson = ({ id, name, filter, created_at, updated_at }: SegmentRow) => ({
  id,
  name,
  filter: filter as Filter,
  createdAt: created_at.toISOString(),
  updatedAt: updated_at.toISOString(),
});

/** @throws ProblemError if the filter does not fit the properties of the workspace */
const requireFitting = async ({ db }: Database, workspaceId: string, filter: Filter) => {
  const errors = checkFilter(filter, await propertyTypesOf(db, workspaceId), '/filter');
  if (errors.length > 0) throw invalidRequest(errors);
};

const nameTaken = () =>
  problem('already-exists', 'The workspace already has a segment with this name.', {
    errors: [{ detail: 'is already in use', pointer: '/name' }],
  });

/** A segment with its current number of users. @throws ProblemError if it does not exist */
const createGetSegment =
  ({ db }: Database, countInTurn: CountInTurn) =>
  async (workspaceId: string, id: string, response: ServerResponse) => {
    const row = await findSegment(db, workspaceId, id);
    if (row === undefined) throw notFound('segment');
    const types = await propertyTypesOf(db, workspaceId);
    const where = compileFilter(freezeFilter(row.filter as Filter, types, new Date()), types);
    const count = await countInTurn(workspaceId, response, ({ pool, timeoutMs, signal }) =>
      countUsersUntil(pool, { workspaceId, where, timeoutMs }, signal),
    );
    return { ...toJson(row), count };
  };

type GetSegment = ReturnType<typeof createGetSegment>;

const registerOne = (app: App, database: Database, getSegment: GetSegment): void => {
  app.get(
    '/v1/segments/:id',
    {
      schema: {
        operationId: 'getSegment',
        summary: 'Get a segment and the number of users that match now',
        tags: ['segments'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: {
          200: countedSchema.describe('The segment and its current count'),
        },
      },
    },
    async ({ workspaceId, params }, reply) => getSegment(workspaceId, params.id, reply.raw),
  );
  app.patch(
    '/v1/segments/:id',
    {
      schema: {
        operationId: 'changeSegment',
        summary: 'Change the name or filter of a segment; running jobs keep their filter',
        tags: ['segments'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: patchSchema,
        response: {
          200: countedSchema.describe('The changed segment and its current count'),
        },
      },
    },
    async ({ workspaceId, params, body }, reply) => {
      if (body.filter !== undefined) await requireFitting(database, workspaceId, body.filter);
      const change = { workspaceId, segmentId: params.id, ...body };
      const { status } = await updateSegment(database.db, change);
      if (status === 'notFound') throw notFound('segment');
      if (status === 'nameTaken') throw nameTaken();
      return getSegment(workspaceId, params.id, reply.raw);
    },
  );
  app.delete(
    '/v1/segments/:id',
    {
      schema: {
        operationId: 'deleteSegment',
        summary: 'Delete a segment; its users stay',
        tags: ['segments'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: { 204: z.undefined().describe('The segment was deleted; its users remain') },
      },
    },
    async ({ workspaceId, params }, reply) => {
      const wasThere = await deleteSegment(database.db, workspaceId, params.id);
      if (!wasThere) throw notFound('segment');
      return reply.code(204).send();
    },
  );
};
