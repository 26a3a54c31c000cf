import type { FastifyRequest } from 'fastify';
import type { Db, Trx } from '../../db/client.ts';
import { findCall, insertCall } from '../../db/webhooks/webhook-log.ts';
import { findWebhook, type WebhookRow } from '../../db/webhooks/webhooks.ts';
import { readIdempotency } from '../http/idempotency.ts';
import { notFound, problem } from '../http/problems.ts';

/** @throws ProblemError 404 if it does not exist, or belongs to another workspace */
export const getWebhook = async (db: Db, workspaceId: string, id: string): Promise<WebhookRow> => {
  const row = await findWebhook(db, workspaceId, id);
  if (row === undefined) throw notFound('webhook');
  return row;
};

/** The resource of a call. An earlier call with the same key names its resource. */
interface Made {
  webhookId: string;
  deliveryId: string | null;
}

const KEY_IS_TAKEN = Symbol('key is taken');

type Idempotency = NonNullable<ReturnType<typeof readIdempotency>>;

const findEarlier = async (
  db: Db,
  workspaceId: string,
  { key, requestHash }: Idempotency,
): Promise<Made | undefined> => {
  const call = await findCall(db, workspaceId, key);
  if (call === undefined) return undefined;
  if (call.request_hash === requestHash) {
    return { webhookId: call.webhook_id, deliveryId: call.delivery_id };
  }
  throw problem(
    'idempotency-key-reused',
    `This idempotency key was used for another request, about webhook ${call.webhook_id}.`,
  );
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
  const earlier = await findEarlier(db, workspaceId, idempotency);
  if (earlier !== undefined) return { ...earlier, isEarlier: true };
  const made = await writeOnce(db, { workspaceId, ...idempotency, ...wanted }, write);
  if (made !== undefined) return { ...wanted, isEarlier: false };
  const other = await findEarlier(db, workspaceId, idempotency);
  if (other === undefined) throw new Error('a call was written and is gone');
  return { ...other, isEarlier: true };
};
