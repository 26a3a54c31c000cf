import { sql } from 'kysely';
import type { DeliveryState } from '../../workflows/contracts/deliveries.ts';
import type { Db, Trx } from '../client.ts';

export type LoggedDelivery = Awaited<
  ReturnType<ReturnType<typeof deliveryRows>['execute']>
>[number];

/** The webhook or delivery that a request with an idempotency key made or changed. */
export interface WebhookCall {
  workspaceId: string;
  key: string;
  requestHash: string;
  webhookId: string;
  deliveryId: string | null;
}

export const findLoggedDelivery = (
  db: Db,
  webhookId: string,
  id: string,
): Promise<LoggedDelivery | undefined> =>
  deliveryRows(db, webhookId).where('id', '=', id).executeTakeFirst();

/** Newest first. Counts on the index `webhook_deliveries_newest`. */
export const listLoggedDeliveries = (
  db: Db,
  page: {
    webhookId: string;
    /** Only deliveries in one of these states. */
    states?: readonly DeliveryState[] | undefined;
    beforeId?: string | undefined;
    limit: number;
  },
): Promise<LoggedDelivery[]> =>
  deliveryRows(db, page.webhookId)
    .$if(page.states !== undefined, (query) => query.where('state', 'in', [...(page.states ?? [])]))
    .$if(page.beforeId !== undefined, (query) =>
      query.where(
        sql<boolean>`(created_at, id) <
          (SELECT created_at, id FROM webhook_deliveries
            WHERE id = ${page.beforeId ?? null}::uuid AND webhook_id = ${page.webhookId}::uuid)`,
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();

/** Records a test delivery. False while another test is pending. */
export const insertTest = async (
  trx: Trx,
  { id, webhookId }: { id: string; webhookId: string },
): Promise<boolean> => {
  const row = await trx
    .insertInto('webhook_deliveries')
    .values({ id, webhook_id: webhookId })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
};

/** Starts another round of an ended delivery. False while a round is pending. */
export const replayDelivery = async (
  trx: Trx,
  { id, webhookId }: { id: string; webhookId: string },
): Promise<boolean> => {
  // Of two concurrent replays of tests, the second must see the first as pending. This lock does
  // not block jobs that end meanwhile.
  await trx
    .selectFrom('webhooks')
    .select('id')
    .where('id', '=', webhookId)
    .forNoKeyUpdate()
    .execute();
  const { numUpdatedRows } = await trx
    .updateTable('webhook_deliveries')
    .set({
      state: 'pending',
      round: sql<number>`round + 1`,
      next_attempt_at: sql<Date>`now()`,
      finished_at: null,
    })
    .where('id', '=', id)
    .where('webhook_id', '=', webhookId)
    .where('state', '<>', 'pending')
    .where(
      // Only one test of a webhook may be pending at a time.
      sql<boolean>`(job_id IS NOT NULL OR NOT EXISTS (
        SELECT FROM webhook_deliveries other
         WHERE other.webhook_id = ${webhookId}::uuid AND other.job_id IS NULL AND other.state = 'pending'))`,
    )
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

/**
 * Records a call. False if the key was used before. Waits for a concurrent call with the same key.
 */
export const insertCall = async (trx: Trx, call: WebhookCall): Promise<boolean> => {
  const row = await trx
    .insertInto('webhook_calls')
    .values({
      workspace_id: call.workspaceId,
      idempotency_key: call.key,
      request_hash: call.requestHash,
      webhook_id: call.webhookId,
      delivery_id: call.deliveryId,
    })
    .onConflict((conflict) => conflict.columns(['workspace_id', 'idempotency_key']).doNothing())
    .returning('webhook_id')
    .executeTakeFirst();
  return row !== undefined;
};

export const findCall = (db: Db, workspaceId: string, key: string) =>
  db
    .selectFrom('webhook_calls')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('idempotency_key', '=', key)
    .executeTakeFirst();

/**
 * The API's functions for deliveries: they list deliveries, start tests, and start further rounds.
 */

const deliveryRows = (db: Db, webhookId: string) =>
  db.selectFrom('webhook_deliveries').selectAll().where('webhook_id', '=', webhookId);
