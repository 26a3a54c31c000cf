import { sql } from 'kysely';
import type { Db, Trx } from '../client.ts';
import { DELIVERY_DAYS } from '../../rules/retention.ts';
import { FIRST_ID } from '../first-id.ts';
import {
  TEST_EVENT,
  type DeliveryInput,
  type DeliveryState,
} from '../../workflows/contracts/deliveries.ts';

/**
 * Hours without a successful delivery after which a webhook is switched off, when a delivery is
 * abandoned.
 */
export const FAILING_HOURS = 48;

export type DeliveryRow = NonNullable<Awaited<ReturnType<typeof findDelivery>>>;

/** The result of an attempt. */
export interface Attempted {
  status: number | null;
  error: string | null;
  durationMs: number;
}

const ENDED = { finished_at: sql<Date>`now()`, next_attempt_at: null };

/** A delivery whose workflow is to be started. */
export interface StartableDelivery extends DeliveryInput {
  workspaceId: string;
}

const longAgo = sql<Date>`now() - make_interval(days => ${DELIVERY_DAYS}::int)`;

/** A delivery with its webhook and its job. A test has no job. */
export const findDelivery = (db: Db, { deliveryId, round }: DeliveryInput) =>
  db
    .selectFrom('webhook_deliveries as delivery')
    .innerJoin('webhooks as webhook', 'webhook.id', 'delivery.webhook_id')
    .leftJoin('jobs as job', 'job.id', 'delivery.job_id')
    .select([
      'delivery.id',
      'delivery.state',
      'delivery.event_type',
      'delivery.created_at',
      'webhook.id as webhook_id',
      'webhook.workspace_id',
      'webhook.url',
      'webhook.disabled_at',
      'job.id as job_id',
      'job.type as job_type',
      'job.state as job_state',
      'job.counts as job_counts',
      'job.finished_at as job_finished_at',
    ])
    .where('delivery.id', '=', deliveryId)
    .where('delivery.round', '=', round)
    .executeTakeFirst();

/** The valid secrets of a webhook, the newest first. */
export const listSecrets = async (db: Db, webhookId: string): Promise<string[]> => {
  const rows = await db
    .selectFrom('webhook_secrets')
    .select('secret')
    .where('webhook_id', '=', webhookId)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', sql<Date>`now()`)]))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute();
  return rows.map(({ secret }) => secret);
};

/**
 * Counts an attempt before it is made.
 *
 * @returns the attempt's number, from 1; undefined when the delivery has ended meanwhile
 */
export const beginAttempt = async (
  db: Db,
  input: DeliveryInput,
  timeoutMs: number,
): Promise<number | undefined> => {
  const row = await pending(db, input)
    .set({
      attempts: sql<number>`attempts + 1`,
      last_attempt_at: sql<Date>`now()`,
      next_attempt_at: inMs(timeoutMs),
    })
    .returning('attempts')
    .executeTakeFirst();
  return row?.attempts;
};

/** Sets the time of the next check of a delivery that could not be attempted now. */
export const postponeDelivery = async (
  db: Db,
  input: DeliveryInput,
  nextMs: number,
): Promise<void> => {
  await pending(db, input)
    .set({ next_attempt_at: inMs(nextMs) })
    .execute();
};

/** Ends a delivery that the receiver accepted. Its webhook is not failing any more. */
export const recordDelivered = (
  db: Db,
  input: DeliveryInput & { webhookId: string },
  attempted: Attempted,
): Promise<void> =>
  db.transaction().execute(async (trx) => {
    await lockWebhook(trx, input);
    await pending(trx, input)
      .set({ ...resultOf(attempted), ...ENDED, state: 'delivered' })
      .execute();
    await trx
      .updateTable('webhooks')
      .set({ failing_since: null })
      .where('id', '=', input.webhookId)
      .where('failing_since', 'is not', null)
      .execute();
  });

/**
 * Records a failed attempt that is to be repeated. The webhook counts as failing from its first
 * such attempt on.
 */
export const recordMissed = (
  db: Db,
  input: DeliveryInput & { webhookId: string },
  attempted: Attempted,
  nextMs: number,
): Promise<void> =>
  db.transaction().execute(async (trx) => {
    await lockWebhook(trx, input);
    await pending(trx, input)
      .set({ ...resultOf(attempted), next_attempt_at: inMs(nextMs) })
      .execute();
    await trx
      .updateTable('webhooks')
      .set({ failing_since: sql<Date>`now()` })
      .where('id', '=', input.webhookId)
      .where('failing_since', 'is', null)
      .execute();
  });

/**
 * Ends a delivery as failed, with the result of its last attempt if there was one. False if the
 * delivery has ended before.
 */
export const recordFailed = async (
  db: Db,
  input: DeliveryInput,
  attempted?: Attempted | { error: string },
): Promise<boolean> => {
  const { numUpdatedRows } = await pending(db, input)
    .set({
      ...ENDED,
      state: 'failed',
      ...(attempted !== undefined &&
        ('durationMs' in attempted ? resultOf(attempted) : { last_error: attempted.error })),
    })
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

/** Ends a delivery whose receiver answered 410, and switches its webhook off. */
export const recordGone = (
  db: Db,
  input: DeliveryInput & { webhookId: string },
  attempted: Attempted,
): Promise<void> =>
  db.transaction().execute(async (trx) => {
    await lockWebhook(trx, input);
    await recordFailed(trx, input, attempted);
    await switchOff(trx, input.webhookId, 'gone');
  });

/**
 * Abandons a delivery after its retry period. Switches its webhook off if the webhook has accepted
 * nothing for `FAILING_HOURS`.
 *
 * @returns the final state, `failed` if the delivery does not exist any more; `isNews`: whether
 *   this call ended the delivery
 */
export const giveUpDelivery = (
  db: Db,
  input: DeliveryInput,
): Promise<{ state: DeliveryState; isNews: boolean }> =>
  db.transaction().execute(async (trx) => {
    await lockWebhook(trx, input);
    const isNews = await recordFailed(trx, input);
    await trx
      .updateTable('webhook_deliveries')
      .set({ last_error: 'notTried' })
      .where('id', '=', input.deliveryId)
      .where('state', '=', 'failed')
      .where('last_error', 'is', null)
      .execute();
    const row = await trx
      .selectFrom('webhook_deliveries')
      .select(['state', 'webhook_id', 'event_type'])
      .where('id', '=', input.deliveryId)
      .executeTakeFirst();
    if (isNews && row !== undefined && row.event_type !== TEST_EVENT) {
      await switchOff(trx, row.webhook_id, 'failing');
    }
    return { state: row?.state === 'delivered' ? 'delivered' : 'failed', isNews };
  });

/** The pending deliveries of a job. Counts on the index `webhook_deliveries_of_job`. */
export const listDeliveriesOfJob = (db: Db, jobId: string): Promise<StartableDelivery[]> =>
  startable(db).where('delivery.job_id', '=', jobId).execute();

/** Pending deliveries whose next attempt is overdue by `seconds`, by id. */
export const listOverdueDeliveries = (
  db: Db,
  { seconds, limit, afterId = FIRST_ID }: { seconds: number; limit: number; afterId?: string },
): Promise<StartableDelivery[]> =>
  startable(db)
    .where('delivery.id', '>', afterId)
    .where(
      'delivery.next_attempt_at',
      '<',
      sql<Date>`now() - make_interval(secs => ${seconds}::float8)`,
    )
    .orderBy('delivery.id')
    .limit(limit)
    .execute();

/**
 * Deletes up to `limit` deliveries that ended `DELIVERY_DAYS` ago.
 *
 * @returns the number of deleted deliveries
 */
export const eraseOldDeliveries = async (db: Db, limit: number): Promise<number> => {
  const { numDeletedRows } = await db
    .deleteFrom('webhook_deliveries')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('webhook_deliveries')
        .select('id')
        .where('state', '<>', 'pending')
        .where('finished_at', '<', longAgo)
        .orderBy('finished_at')
        .limit(limit),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
};

/**
 * Deletes expired secrets, and calls of `DELIVERY_DAYS` ago, whose idempotency keys are not
 * used any more.
 */
export const eraseOldCalls = async (db: Db): Promise<void> => {
  await db.deleteFrom('webhook_calls').where('created_at', '<', longAgo).execute();
  await db
    .deleteFrom('webhook_secrets')
    .where('expires_at', '<', sql<Date>`now()`)
    .execute();
};

const pending = (db: Db, { deliveryId, round }: DeliveryInput) =>
  db
    .updateTable('webhook_deliveries')
    .where('id', '=', deliveryId)
    .where('round', '=', round)
    .where('state', '=', 'pending');

const inMs = (milliseconds: number) =>
  sql<Date>`now() + make_interval(secs => ${milliseconds / 1_000}::float8)`;

/**
 * A removal of a webhook locks the webhook first, then its deliveries. Every transaction that
 * changes both must use this order.
 */
const lockWebhook = async (trx: Trx, { deliveryId }: DeliveryInput): Promise<void> => {
  await trx
    .selectFrom('webhooks')
    .select('id')
    .where('id', '=', (eb) =>
      eb.selectFrom('webhook_deliveries').select('webhook_id').where('id', '=', deliveryId),
    )
    .forNoKeyUpdate()
    .execute();
};

const resultOf = ({ status, error, durationMs }: Attempted) => ({
  last_status: status,
  last_error: error,
  last_duration_ms: durationMs,
});

const switchOff = async (
  trx: Trx,
  webhookId: string,
  reason: 'gone' | 'failing',
): Promise<void> => {
  await trx
    .updateTable('webhooks')
    .set({ disabled_at: sql<Date>`now()`, disabled_reason: reason, updated_at: sql<Date>`now()` })
    .where('id', '=', webhookId)
    .where('disabled_at', 'is', null)
    .$if(reason === 'failing', (query) =>
      query.where(
        'failing_since',
        '<=',
        sql<Date>`now() - make_interval(hours => ${FAILING_HOURS}::int)`,
      ),
    )
    .execute();
};

const startable = (db: Db) =>
  db
    .selectFrom('webhook_deliveries as delivery')
    .innerJoin('webhooks as webhook', 'webhook.id', 'delivery.webhook_id')
    .select(['delivery.id as deliveryId', 'delivery.round', 'webhook.workspace_id as workspaceId'])
    .where('delivery.state', '=', 'pending');
