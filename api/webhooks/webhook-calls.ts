import type { FastifyRequest } from 'fastify';
import type { Db, Trx } from '../../db/client.ts';
import { findCall, insertCall } from '../../db/webhooks/webhook-log.ts';
import { findWebhook, lockWebhook, type WebhookRow } from '../../db/webhooks/webhooks.ts';
import { oncePerKey, readIdempotency } from '../http/idempotency.ts';
import { notFound } from '../http/problems.ts';

/** The resource of a call. An earlier call with the same key names its resource. */
interface Made {
  webhookId: string;
  deliveryId: string | null;
}

const KEY_IS_TAKEN = Symbol('key is taken');

/** @throws ProblemError 404 if it does not exist, or belongs to another workspace */
export const getWebhook = async (db: Db, workspaceId: string, id: string): Promise<WebhookRow> => {
  const row = await findWebhook(db, workspaceId, id);
  if (row === undefined) throw notFound('webhook');
  return row;
};

/**
 * The present state of a webhook that a transaction is about to change, or to add rows to. It stays
 * so until the transaction ends. @throws ProblemError 404 if it was removed meanwhile
 */
export const getLockedWebhook = async (trx: Trx, workspaceId: string, id: string) => {
  const row = await lockWebhook(trx, workspaceId, id);
  if (row === undefined) throw notFound('webhook');
  return row;
};

/**
 * Carries out a request in one transaction, once per idempotency key. `isEarlier` if an earlier
 * request with the key already did this.
 */
export const once = async (
  db: Db,
  request: FastifyRequest,
  wanted: Made,
  write: (trx: Trx) => Promise<void>,
): Promise<Made & { isEarlier: boolean }> => {
  const { workspaceId } = request;
  const idempotency = readIdempotency(request);
  if (idempotency === undefined) {
    await db.transaction().execute(write);
    return { ...wanted, isEarlier: false };
  }
  const call = await oncePerKey(idempotency, {
    find: (key) => findCall(db, workspaceId, key),
    usedFor: ({ webhook_id: id }) => `another request, about webhook ${id}`,
    write: () => writeOnce(db, { workspaceId, ...idempotency, ...wanted }, write),
  });
  if (call === undefined) throw new Error('a call was written and no longer exists');
  if (!('request_hash' in call)) return { ...wanted, isEarlier: false };
  return { webhookId: call.webhook_id, deliveryId: call.delivery_id, isEarlier: true };
};

/** Writes with the call, all or nothing. Undefined if another request with the key was first. */
const writeOnce = async (
  db: Db,
  call: Parameters<typeof insertCall>[1],
  write: (trx: Trx) => Promise<void>,
): Promise<Made | undefined> => {
  try {
    await db.transaction().execute(async (trx) => {
      if (!(await insertCall(trx, call))) throw KEY_IS_TAKEN;
      await write(trx);
    });
    return call;
  } catch (error) {
    if (error === KEY_IS_TAKEN) return undefined;
    throw error;
  }
};
