import type { FastifyReply, FastifyRequest } from 'fastify';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import {
  findLoggedDelivery,
  insertTest,
  listLoggedDeliveries,
  type LoggedDelivery,
  replayDelivery,
} from '../../db/webhooks/webhook-log.ts';
import type { WebhookRow } from '../../db/webhooks/webhooks.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import {
  cursorSchema,
  decodeIdCursor,
  limitSchema,
  pageOf,
  positionIn,
  toPage,
  valuesSchema,
} from '../http/paging.ts';
import { notFound, problem } from '../http/problems.ts';
import { getLockedWebhook, getWebhook, once } from './webhook-calls.ts';
import {
  deliverySchema,
  type DeliveryJson,
  pathOfDelivery,
  toDeliveryJson,
} from './webhook-json.ts';

const paramsSchema = z.strictObject({ id: z.uuid() });
const deliveryParamsSchema = paramsSchema.extend({ deliveryId: z.uuid() });

/** The deliveries of a webhook; sending a delivery again, and sending a test. */
export const registerWebhookDeliveryRoutes = (app: App, deps: ApiDeps): void => {
  registerRead(app, deps);
  registerReplay(app, deps);
  registerTest(app, deps);
};

const registerRead = (app: App, deps: ApiDeps): void => {
  const { db } = deps.database;
  app.get(
    '/v1/webhooks/:id/deliveries',
    {
      schema: {
        operationId: 'listWebhookDeliveries',
        summary: 'List all deliveries of a webhook, newest first',
        tags: ['webhooks'],
        params: paramsSchema,
        querystring: z.strictObject({
          state: valuesSchema(['pending', 'delivered', 'failed']),
          cursor: cursorSchema,
          limit: limitSchema,
        }),
        response: { 200: pageOf(deliverySchema).describe('A page of deliveries') },
      },
    },
    async ({ workspaceId, params, query: { state: states, cursor, limit } }) => {
      const { id: webhookId } = await getWebhook(db, workspaceId, params.id);
      const beforeId = decodeIdCursor('webhookDeliveries', cursor);
      const rows = await listLoggedDeliveries(db, {
        webhookId,
        states,
        beforeId,
        limit: limit + 1,
      });
      const page = toPage(rows, limit, positionIn('webhookDeliveries'));
      return { data: page.rows.map(toDeliveryJson), nextCursor: page.nextCursor };
    },
  );
  app.get(
    '/v1/webhooks/:id/deliveries/:deliveryId',
    {
      schema: {
        operationId: 'getWebhookDelivery',
        summary: 'Get a delivery and the result of its last attempt',
        tags: ['webhooks'],
        params: deliveryParamsSchema,
        querystring: z.strictObject({}),
        response: { 200: deliverySchema.describe('The delivery') },
      },
    },
    async ({ workspaceId, params: { id, deliveryId } }) => {
      await getWebhook(db, workspaceId, id);
      return toDeliveryJson(await getDelivery(deps, id, deliveryId));
    },
  );
};

/** @throws ProblemError 404 if it does not exist, or belongs to another webhook */
const getDelivery = async (
  { database: { db } }: ApiDeps,
  webhookId: string,
  id: string,
): Promise<LoggedDelivery> => {
  const row = await findLoggedDelivery(db, webhookId, id);
  if (row === undefined) throw notFound('delivery');
  return row;
};

const registerReplay = (app: App, deps: ApiDeps): void => {
  const { db } = deps.database;
  app.post(
    '/v1/webhooks/:id/deliveries/:deliveryId/replay',
    {
      schema: {
        operationId: 'replayWebhookDelivery',
        summary: 'Send an ended delivery again, with the same `webhook-id`',
        tags: ['webhooks'],
        params: deliveryParamsSchema,
        querystring: z.strictObject({}),
        response: {
          202: deliverySchema.describe(
            'The delivery. It is sent in the background; read its state at `Location`',
          ),
        },
      },
    },
    async (request, reply) => {
      const { workspaceId, params } = request;
      const { id: webhookId, deliveryId } = params;
      await getWebhook(db, workspaceId, webhookId);
      await getDelivery(deps, webhookId, deliveryId);
      await once(db, request, { webhookId, deliveryId }, async (trx) => {
        requireOn(await getLockedWebhook(trx, workspaceId, webhookId));
        if (await replayDelivery(trx, { id: deliveryId, webhookId })) return;
        throw problem(
          'wrong-state',
          `Delivery ${deliveryId}, or a test of its webhook, is in progress.`,
        );
      });
      return accept(request, reply, await getDelivery(deps, webhookId, deliveryId), deps);
    },
  );
};

/** @throws ProblemError 409 if the webhook is switched off */
const requireOn = ({
  id,
  disabled_at: disabledAt,
}: Pick<WebhookRow, 'id' | 'disabled_at'>): void => {
  if (disabledAt === null) return;
  throw problem('wrong-state', `Webhook ${id} is disabled. Enable the webhook first.`);
};

/** Sends a delivery, now or by the sweep, and returns it. */
const accept = async (
  request: FastifyRequest,
  reply: FastifyReply,
  delivery: LoggedDelivery,
  { jobs }: ApiDeps,
): Promise<DeliveryJson> => {
  const { id: deliveryId, round, state } = delivery;
  if (state === 'pending') {
    await jobs
      .startDelivery({ deliveryId, round, workspaceId: request.workspaceId })
      .catch(() =>
        request.log.warn('Temporal is not available: the sweep will start the delivery'),
      );
  }
  reply.code(202).header('location', pathOfDelivery(delivery));
  return toDeliveryJson(delivery);
};

const registerTest = (app: App, deps: ApiDeps): void => {
  const { db } = deps.database;
  app.post(
    '/v1/webhooks/:id/test',
    {
      schema: {
        operationId: 'testWebhook',
        summary: 'Send a `webhook.test` once; the delivery shows the result',
        tags: ['webhooks'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: {
          202: deliverySchema.describe(
            'The delivery. It is sent in the background; read its state at `Location`',
          ),
        },
      },
    },
    async (request, reply) => {
      const { workspaceId, params } = request;
      const { id: webhookId } = await getWebhook(db, workspaceId, params.id);
      const wanted = { webhookId, deliveryId: uuidv7() };
      const { deliveryId } = await once(db, request, wanted, async (trx) => {
        requireOn(await getLockedWebhook(trx, workspaceId, webhookId));
        if (await insertTest(trx, { id: wanted.deliveryId, webhookId })) return;
        throw problem('wrong-state', `A test of webhook ${webhookId} is in progress.`);
      });
      return accept(request, reply, await getDelivery(deps, webhookId, deliveryId ?? ''), deps);
    },
  );
};
