import { z } from 'zod';
import { createProperty, listProperties, MAX_PROPERTIES } from '../../db/users/properties.ts';
import { PROPERTY_TYPES } from '../../selection/property-types.ts';
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
import { problem } from '../http/problems.ts';

const LIST = 'properties';

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

export const propertyNameSchema = z
  .string()
  .regex(NAME, 'must be 1 to 64 letters, digits and underscores, and begin with a letter')
  .describe('Use `properties.<name>` in filters and file headers');

const newPropertySchema = z
  .strictObject({
    name: propertyNameSchema,
    type: z.enum(PROPERTY_TYPES).describe('Cannot be changed'),
  })
  .meta({ examples: [{ name: 'plan', type: 'string' }] });

const propertySchema = z
  .object({ name: z.string(), type: z.enum(PROPERTY_TYPES), createdAt: z.iso.datetime() })
  .meta({ id: 'Property' });

/** Custom properties are defined once; their name and type never change. */
export const registerPropertyRoutes = (app: App, deps: ApiDeps): void => {
  registerList(app, deps);
  app.post(
    '/v1/properties',
    {
      schema: {
        operationId: 'createProperty',
        summary: `Define a custom property; at most ${MAX_PROPERTIES} properties`,
        tags: ['properties'],
        querystring: z.strictObject({}),
        body: newPropertySchema,
        response: { 201: propertySchema.describe('The property') },
      },
    },
    async ({ workspaceId, body: { name, type } }, reply) => {
      const created = await createProperty(deps.database.db, { workspaceId, name, type });
      switch (created.status) {
        case 'nameTaken':
          throw problem('already-exists', `This workspace already has a property ${name}.`, {
            errors: [{ detail: 'is already in use', pointer: '/name' }],
          });
        case 'tooMany':
          throw problem(
            'unprocessable',
            `The workspace has ${MAX_PROPERTIES} properties, which is the maximum.`,
          );
        case 'created':
          return reply.code(201).send({ name, type, createdAt: created.createdAt.toISOString() });
      }
    },
  );
};

const registerList = (app: App, { database: { db } }: ApiDeps): void => {
  app.get(
    '/v1/properties',
    {
      schema: {
        operationId: 'listProperties',
        summary: 'List custom properties, by name',
        tags: ['properties'],
        querystring: z.strictObject({ cursor: cursorSchema, limit: limitSchema }),
        response: { 200: pageOf(propertySchema).describe('A page of properties') },
      },
    },
    async ({ workspaceId, query: { cursor, limit } }) => {
      const afterName = decodeListCursor(LIST, z.string(), cursor);
      const rows = await listProperties(db, { workspaceId, afterName, limit: limit + 1 });
      const page = toPage(rows, limit, ({ name }) => boundTo(LIST, name));
      const data = page.rows.map(({ name, type, created_at }) => ({
        name,
        type,
        createdAt: created_at.toISOString(),
      }));
      return { data, nextCursor: page.nextCursor };
    },
  );
};
