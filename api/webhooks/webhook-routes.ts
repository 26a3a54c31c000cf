import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import {
  createWebhook,
  deleteWebhook,
  findWebhook,
  listWebhooks,
  MAX_VALID_SECRETS,
  MAX_WEBHOOKS,
  rotateSecret,
  updateWebhook,
} from '../../db/webhooks/webhooks.ts';
import { MAX_OLD_SECRET_HOURS, OLD_SECRET_HOURS } from '../../rules/retention.ts';
import { newSecret } from '../../webhooks/signature.ts';
import { readWebhookUrl } from '../../webhooks/url.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import {
  cursorSchema,
  decodeIdCursor,
  limitSchema,
  pageOf,
  positionIn,
  toPage,
} from '../http/paging.ts';
import { invalidRequest, notFound, problem } from '../http/problems.ts';
import { getLockedWebhook, getWebhook, once } from './webhook-calls.ts';
import {
  createdWebhookSchema,
  newWebhookSchema,
  pathOfWebhook,
  rotatedSecretSchema,
  toWebhookJson,
  webhookPatchSchema,
  webhookSchema,
} from './webhook-json.ts';

const paramsSchema = z.strictObject({ id: z.uuid() });

const rotationSchema = z
  .strictObject({
    oldValidHours: z
      .int()
      .min(0)
      .max(MAX_OLD_SECRET_HOURS)
      .default(OLD_SECRET_HOURS)
      .describe(
        'How many hours the old secret stays valid after the new secret is made. 0 ends all old secrets now',
      ),
  })
  .meta({ id: 'SecretRotation', examples: [{ oldValidHours: 48 }] });

/** Webhooks, which report the ends of jobs. */
export const registerWebhookRoutes = (app: App, deps: ApiDeps): void => {
  registerCreate(app, deps);
  registerRead(app, deps);
  registerChange(app, deps);
  registerRotation(app, deps);
};

const registerCreate = (app: App, deps: ApiDeps): void => {
  const { db } = deps.database;
  app.post(
    '/v1/webhooks',
    {
      schema: {
        operationId: 'createWebhook',
        summary: 'Create a webhook that reports the ends of jobs; its secret is shown only once',
        tags: ['webhooks'],
        querystring: z.strictObject({}),
        body: newWebhookSchema,
        response: {
          201: createdWebhookSchema.describe('The webhook. Its `secret` is shown only once'),
        },
      },
    },
    async (request, reply) => {
      const { workspaceId, actor, body } = request;
      const url = requireUrl(deps, body.url);
      const secret = newSecret();
      const id = uuidv7();
      const made = await once(db, request, { webhookId: id, deliveryId: null }, async (trx) => {
        const { description, eventTypes, enabled: isEnabled } = body;
        const wanted = { id, workspaceId, url, description, eventTypes, isEnabled, secret };
        if (await createWebhook(trx, { ...wanted, actorKeyId: actor.id })) return;
        throw problem(
          'limit-reached',
          `Workspace ${workspaceId} has ${MAX_WEBHOOKS} webhooks, which is the maximum. Remove a webhook first.`,
        );
      });
      const row = await findWebhook(db, workspaceId, made.webhookId);
      if (row === undefined) {
        throw problem(
          'gone',
          `This request created webhook ${made.webhookId}, but the webhook was removed later.`,
        );
      }
      reply.code(201).header('location', pathOfWebhook(row.id));
      return { ...toWebhookJson(row), secret: made.isEarlier ? null : secret };
    },
  );
};

/** The URL as stored. @throws ProblemError if no request may be sent to it */
const requireUrl = ({ config }: ApiDeps, text: string): string => {
  const read = readWebhookUrl(text, config.webhookAllowPrivate);
  if ('url' in read) return read.url;
  throw invalidRequest([{ detail: read.detail, pointer: '/url' }]);
};

const registerRead = (app: App, { database: { db } }: ApiDeps): void => {
  app.get(
    '/v1/webhooks',
    {
      schema: {
        operationId: 'listWebhooks',
        summary: 'List webhooks, in the order of their creation',
        tags: ['webhooks'],
        querystring: z.strictObject({ cursor: cursorSchema, limit: limitSchema }),
        response: { 200: pageOf(webhookSchema).describe('A page of webhooks') },
      },
    },
    async ({ workspaceId, query: { cursor, limit } }) => {
      const afterId = decodeIdCursor('webhooks', cursor);
      const rows = await listWebhooks(db, { workspaceId, afterId, limit: limit + 1 });
      const page = toPage(rows, limit, positionIn('webhooks'));
      return { data: page.rows.map(toWebhookJson), nextCursor: page.nextCursor };
    },
  );
  app.get(
    '/v1/webhooks/:id',
    {
      schema: {
        operationId: 'getWebhook',
        summary: 'Get a webhook, its URL and its state',
        tags: ['webhooks'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: { 200: webhookSchema.describe('The webhook') },
      },
    },
    async ({ workspaceId, params }) => toWebhookJson(await getWebhook(db, workspaceId, params.id)),
  );
};

const registerChange = (app: App, deps: ApiDeps): void => {
  const { db } = deps.database;
  app.patch(
    '/v1/webhooks/:id',
    {
      schema: {
        operationId: 'changeWebhook',
        summary: 'Change a webhook, or enable or disable it; pending deliveries use the new URL',
        tags: ['webhooks'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: webhookPatchSchema,
        response: { 200: webhookSchema.describe('The changed webhook') },
      },
    },
    async ({ workspaceId, params: { id }, actor, body }) => {
      const { enabled: isEnabled, url: text, ...others } = body;
      const url = text === undefined ? undefined : requireUrl(deps, text);
      const change = { workspaceId, id, actorKeyId: actor.id, ...others, isEnabled, url };
      if (!(await updateWebhook(db, change))) throw notFound('webhook');
      return toWebhookJson(await getWebhook(db, workspaceId, id));
    },
  );
  app.delete(
    '/v1/webhooks/:id',
    {
      schema: {
        operationId: 'deleteWebhook',
        summary: 'Remove a webhook and its deliveries; pending deliveries are not sent again',
        tags: ['webhooks'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: { 204: z.undefined().describe('The webhook was removed') },
      },
    },
    async ({ workspaceId, params: { id }, actor }, reply) => {
      const wasThere = await deleteWebhook(db, { workspaceId, id, actorKeyId: actor.id });
      if (!wasThere) throw notFound('webhook');
      return reply.code(204).send();
    },
  );
};

const registerRotation = (app: App, { database: { db } }: ApiDeps): void => {
  app.post(
    '/v1/webhooks/:id/rotate-secret',
    {
      schema: {
        operationId: 'rotateWebhookSecret',
        summary:
          'Create a new secret, shown only once; requests are also signed with the old secret for some time',
        tags: ['webhooks'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        body: rotationSchema.prefault({}),
        response: { 200: rotatedSecretSchema.describe('The new secret, which is shown only once') },
      },
      // No body is the same as `{}`; the JSON value `null` is not. The validator sees both as null.
      preValidation: async (request) => {
        if (request.body === undefined) request.body = { oldValidHours: OLD_SECRET_HOURS };
      },
    },
    async (request, reply) => {
      const { workspaceId, params, actor, body } = request;
      const { id: webhookId } = await getWebhook(db, workspaceId, params.id);
      const secret = newSecret();
      const { isEarlier } = await once(
        db,
        request,
        { webhookId, deliveryId: null },
        async (trx) => {
          await getLockedWebhook(trx, workspaceId, webhookId);
          const { oldValidHours } = body;
          const rotation = { webhookId, actorKeyId: actor.id, secret, oldValidHours };
          if ((await rotateSecret(trx, rotation)) === 'rotated') return;
          throw problem(
            'limit-reached',
            `Webhook ${webhookId} has ${MAX_VALID_SECRETS} valid secrets. Wait until a secret has expired, or send oldValidHours 0 to end all old secrets.`,
          );
        },
      );
      const row = await getWebhook(db, workspaceId, webhookId);
      const { oldSecretValidUntil } = toWebhookJson(row);
      return reply.send({ secret: isEarlier ? null : secret, oldSecretValidUntil });
    },
  );
};
