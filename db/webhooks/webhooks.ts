import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { EventType } from '../../workflows/contracts/deliveries.ts';
import type { Db, Trx } from '../client.ts';

/** Most webhooks of a workspace. */
export const MAX_WEBHOOKS = 10;
/** Most valid secrets of a webhook at a time. Each valid secret signs every request. */
export const MAX_VALID_SECRETS = 5;

const isValid = sql<boolean>`(expires_at IS NULL OR expires_at > now())`;

export type WebhookRow = Awaited<ReturnType<ReturnType<typeof webhookRows>['execute']>>[number];

export interface NewWebhook {
  id: string;
  workspaceId: string;
  url: string;
  description: string | null;
  eventTypes: readonly EventType[];
  isEnabled: boolean;
  actorKeyId: string;
  secret: string;
}

export interface WebhookChange {
  workspaceId: string;
  id: string;
  actorKeyId: string;
  url?: string | undefined;
  description?: string | null | undefined;
  eventTypes?: readonly EventType[] | undefined;
  isEnabled?: boolean | undefined;
}

const SWITCHED = {
  on: { disabled_at: null, disabled_reason: null, failing_since: null },
  // A webhook that is off already keeps its reason.
  off: {
    disabled_at: sql<Date>`coalesce(disabled_at, now())`,
    disabled_reason: sql<'byAdmin'>`coalesce(disabled_reason, 'byAdmin')`,
  },
};

export const findWebhook = (
  db: Db,
  workspaceId: string,
  id: string,
): Promise<WebhookRow | undefined> =>
  webhookRows(db, workspaceId).where('id', '=', id).executeTakeFirst();

/**
 * Locks a webhook until the transaction ends, so that it is not removed meanwhile. Waits for a
 * removal that is in progress, and is undefined after it. Jobs that end are not blocked.
 */
export const lockWebhook = (
  trx: Trx,
  workspaceId: string,
  id: string,
): Promise<Pick<WebhookRow, 'id' | 'disabled_at'> | undefined> =>
  trx
    .selectFrom('webhooks')
    .select(['id', 'disabled_at'])
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst();

/** Webhooks in the order of creation: their ids are UUIDv7. */
export const listWebhooks = (
  db: Db,
  page: { workspaceId: string; afterId?: string | undefined; limit: number },
): Promise<WebhookRow[]> =>
  webhookRows(db, page.workspaceId)
    .$if(page.afterId !== undefined, (query) => query.where('id', '>', page.afterId ?? ''))
    .orderBy('id')
    .limit(page.limit)
    .execute();

/** Makes a webhook with its first secret. False if the workspace has `MAX_WEBHOOKS` webhooks. */
export const createWebhook = async (trx: Trx, webhook: NewWebhook): Promise<boolean> => {
  const { id, workspaceId } = webhook;
  // Of two concurrent calls, the second counts the webhook of the first.
  await sql`SELECT pg_advisory_xact_lock(hashtextextended('webhooks of ' || ${workspaceId}::text, 0))`.execute(
    trx,
  );
  const { count } = await trx
    .selectFrom('webhooks')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirstOrThrow();
  if (count >= MAX_WEBHOOKS) return false;
  await trx
    .insertInto('webhooks')
    .values({
      id,
      workspace_id: workspaceId,
      url: webhook.url,
      description: webhook.description,
      event_types: [...webhook.eventTypes],
      disabled_at: webhook.isEnabled ? null : sql<Date>`now()`,
      disabled_reason: webhook.isEnabled ? null : 'byAdmin',
      changed_by: webhook.actorKeyId,
    })
    .execute();
  await insertSecret(trx, id, webhook.secret);
  return true;
};

/** Updates the given properties of a webhook. True if the webhook existed. */
export const updateWebhook = async (db: Db, change: WebhookChange): Promise<boolean> => {
  const { url, description, eventTypes, isEnabled } = change;
  const { numUpdatedRows } = await db
    .updateTable('webhooks')
    .set({
      ...(url !== undefined && { url }),
      ...(description !== undefined && { description }),
      ...(eventTypes !== undefined && { event_types: [...eventTypes] }),
      ...(isEnabled !== undefined && SWITCHED[isEnabled ? 'on' : 'off']),
      changed_by: change.actorKeyId,
      updated_at: sql<Date>`now()`,
    })
    .where('workspace_id', '=', change.workspaceId)
    .where('id', '=', change.id)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

/** Deletes a webhook with its secrets and deliveries. True if the webhook existed. */
export const deleteWebhook = (
  db: Db,
  { workspaceId, id, actorKeyId }: { workspaceId: string; id: string; actorKeyId: string },
): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    // Sets the acting key first: a trigger copies it to the activity log.
    if (!(await updateWebhook(trx, { workspaceId, id, actorKeyId }))) return false;
    await trx.deleteFrom('webhooks').where('id', '=', id).execute();
    return true;
  });

/**
 * Adds a new secret to a webhook. The old secrets stay valid for `oldValidHours`; 0 ends them at
 * once. On `tooMany`, the caller must roll back.
 */
export const rotateSecret = async (
  trx: Trx,
  {
    webhookId,
    actorKeyId,
    secret,
    oldValidHours,
  }: {
    webhookId: string;
    actorKeyId: string;
    secret: string;
    oldValidHours: number;
  },
): Promise<'rotated' | 'tooMany'> => {
  // The lock on the row serializes rotations.
  await trx
    .updateTable('webhooks')
    .set({
      changed_by: actorKeyId,
      rotated_at: sql<Date>`clock_timestamp()`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', webhookId)
    .execute();
  const valid = () =>
    trx.updateTable('webhook_secrets').where('webhook_id', '=', webhookId).where(isValid);
  if (oldValidHours === 0) {
    await valid()
      .set({ expires_at: sql<Date>`now()` })
      .execute();
  } else {
    await valid()
      .set({ expires_at: sql<Date>`now() + make_interval(hours => ${oldValidHours}::int)` })
      .where('expires_at', 'is', null)
      .execute();
  }
  await insertSecret(trx, webhookId, secret);
  const { count } = await trx
    .selectFrom('webhook_secrets')
    .select((eb) => eb.fn.count<number>('id').as('count'))
    .where('webhook_id', '=', webhookId)
    .where(isValid)
    .executeTakeFirstOrThrow();
  return count > MAX_VALID_SECRETS ? 'tooMany' : 'rotated';
};

/** Webhooks for the API, with the latest expiry of an old secret. */
const webhookRows = (db: Db, workspaceId: string) =>
  db
    .selectFrom('webhooks')
    .selectAll('webhooks')
    .select((eb) =>
      eb
        .selectFrom('webhook_secrets')
        .select((inner) => inner.fn.max('expires_at').as('until'))
        .whereRef('webhook_secrets.webhook_id', '=', 'webhooks.id')
        .where('expires_at', '>', sql<Date>`now()`)
        .as('old_secret_until'),
    )
    .where('workspace_id', '=', workspaceId);

const insertSecret = async (trx: Trx, webhookId: string, secret: string): Promise<void> => {
  await trx
    .insertInto('webhook_secrets')
    .values({ id: uuidv7(), webhook_id: webhookId, secret })
    .execute();
};
