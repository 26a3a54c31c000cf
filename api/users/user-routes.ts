import { z } from 'zod';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { countUsersUntil } from '../../db/users/user-count.ts';
import { mergeUsers } from '../../db/users/user-merge.ts';
import { findUser, listUsers } from '../../db/users/users.ts';
import { userIdSchema } from '../../selection/selection.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { COUNT_DEADLINE_MS, USERS_BODY_LIMIT_BYTES } from '../http/limits.ts';
import { pageOf } from '../http/paging.ts';
import { invalidRequest, notFound, problem } from '../http/problems.ts';
import { whileRead } from '../while-read.ts';
import { sendJson } from '../http/send-json.ts';
import type { CountInTurn } from './timed-count.ts';
import { readUser, userPatchSchema } from './user-input.ts';
import { userSchema } from './user-json.ts';
import {
  mergeBodySchema,
  mergeGiven,
  mergeOptionsFor,
  mergeResultSchema,
  requireWritten,
} from './user-merge.ts';
import { readUserCursor, toUserPage } from './user-paging.ts';
import { conditionOf, userQuerySchema } from './user-query.ts';

const COUNT =
  `Number of all users that match. Null if counting took longer than ${COUNT_DEADLINE_MS / 1000} seconds, or if too ` +
  'many other counts were in progress';

const segmentTimeSchema = z.iso
  .datetime()
  .optional()
  .describe('With `segmentId`: when the segment was last changed before these users were read');

const paramsSchema = z.strictObject({ userId: userIdSchema });

/** Finding, adding and changing users. Deleting a user is a job, in delete-user-route.ts. */
export const registerUserRoutes = (app: App, deps: ApiDeps, countInTurn: CountInTurn): void => {
  registerList(app, deps, countInTurn);
  registerMerge(app, deps);
  registerGet(app, deps);
  registerPatch(app, deps);
};

const registerList = (
  app: App,
  { database: { db, pool } }: ApiDeps,
  countInTurn: CountInTurn,
): void => {
  app.get(
    '/v1/users',
    {
      schema: {
        operationId: 'listUsers',
        summary: 'List users, by prefix, segment or filter',
        tags: ['users'],
        querystring: userQuerySchema,
        response: {
          200: pageOf(userSchema)
            .extend({
              prevCursor: z
                .string()
                .nullable()
                .describe('The `cursor` of the previous page; null on the first page'),
              segmentUpdatedAt: segmentTimeSchema,
              count: z.int().nullable().optional().describe(COUNT),
            })
            .describe('A page of users; `count` only with `count=exact`'),
        },
      },
    },
    async ({ workspaceId, query }, reply) => {
      const { sort, limit } = query;
      const position = readUserCursor(sort, query.cursor);
      const { where, segmentUpdatedAt } = await conditionOf(db, workspaceId, query);
      const isSelective = query.segmentId !== undefined || query.filter !== undefined;
      const wanted = { workspaceId, where, isSelective, sort, ...position };
      const found = await whileRead(reply.raw, (signal) =>
        listUsers(pool, { ...wanted, limit: limit + 1 }, signal),
      );
      // Without users, the reader has left, and nobody reads this page.
      const page = toUserPage(found ?? [], { ...wanted, limit });
      const members = [
        `"data":[${page.rows.map(({ json }) => json).join(',')}]`,
        `"nextCursor":${JSON.stringify(page.nextCursor)}`,
        `"prevCursor":${JSON.stringify(page.prevCursor)}`,
      ];
      if (segmentUpdatedAt !== undefined) {
        members.push(`"segmentUpdatedAt":${JSON.stringify(segmentUpdatedAt)}`);
      }
      if (query.count === 'exact') {
        const count = await countInTurn(workspaceId, reply.raw, ({ pool, timeoutMs, signal }) =>
          countUsersUntil(pool, { workspaceId, where, timeoutMs }, signal),
        );
        members.push(`"count":${count}`);
      }
      return sendJson(reply, `{${members.join(',')}}`);
    },
  );
};

const registerMerge = (app: App, { database: { db } }: ApiDeps): void => {
  app.post(
    '/v1/users',
    {
      bodyLimit: USERS_BODY_LIMIT_BYTES,
      schema: {
        operationId: 'mergeUsers',
        summary:
          'Add or change one user, or up to 1,000 users; missing values stay unchanged, null clears a value',
        description:
          'For a list, each user has its own outcome, and the response is always 200. A single user ' +
          'that is malformed returns 400, and a single user that the database rejects returns 422.',
        tags: ['users'],
        querystring: z.strictObject({}),
        body: mergeBodySchema,
        response: {
          200: mergeResultSchema.describe('The outcome for each user, in the given order'),
        },
      },
    },
    async ({ workspaceId, actor, body }) => ({
      data: await mergeGiven(db, workspaceId, body, mergeOptionsFor(actor, true)),
    }),
  );
};

const registerGet = (app: App, { database: { db } }: ApiDeps): void => {
  app.get(
    '/v1/users/:userId',
    {
      schema: {
        operationId: 'getUser',
        summary: 'Get a user',
        tags: ['users'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: { 200: userSchema.describe('The user') },
      },
    },
    async ({ workspaceId, params }, reply) => {
      const json = await findUser(db, workspaceId, params.userId);
      if (json === undefined) throw notFound('user');
      return sendJson(reply, json);
    },
  );
};

const registerPatch = (app: App, { database: { db } }: ApiDeps): void => {
  app.patch(
    '/v1/users/:userId',
    {
      schema: {
        operationId: 'changeUser',
        summary: 'Change the given values of a user; null clears a value',
        description:
          'Admins and the platform team can set a hold. Only the platform team can clear it.',
        tags: ['users'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: userPatchSchema,
        response: {
          200: z
            .union([userSchema, z.object({ userId: z.string(), legalHold: z.boolean() })])
            .describe('The changed user; for a platform key, only the hold'),
        },
      },
    },
    async ({ workspaceId, actor, params: { userId }, body }, reply) => {
      const isPlatform = actor.role === 'platform';
      if (isPlatform) requireHoldOnly(body);
      const read = readUser(body, await propertyTypesOf(db, workspaceId));
      if ('errors' in read) throw invalidRequest(read.errors, read.count);
      const changes = [{ userId, ...read.change }];
      const options = mergeOptionsFor(actor, false);
      const [outcome] = await mergeUsers(db, workspaceId, changes, options);
      requireWritten(outcome);
      if (outcome === 'notFound') throw notFound('user');
      if (isPlatform) return { userId, legalHold: body['legalHold'] === true };
      const json = await findUser(db, workspaceId, userId);
      if (json === undefined) throw notFound('user');
      return sendJson(reply, json);
    },
  );
};

/** The platform team can set holds of users, and reads no other values. */
const requireHoldOnly = (body: Readonly<Record<string, unknown>>): void => {
  const names = Object.keys(body);
  if (names.length === 1 && names[0] === 'legalHold') return;
  throw problem('forbidden', 'A key with the role platform may change only legalHold of a user.');
};
