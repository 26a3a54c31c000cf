import { z } from 'zod';
import { DELIVERY_DAYS } from '../../rules/retention.ts';
import type { LoggedDelivery } from '../../db/webhooks/webhook-log.ts';
import type { WebhookRow } from '../../db/webhooks/webhooks.ts';
import { DELIVERY_ERRORS } from '../../webhooks/attempt-errors.ts';
import { MAX_URL_LENGTH } from '../../webhooks/url.ts';
import { EVENT_TYPES, type EventType, TEST_EVENT } from '../../workflows/contracts/deliveries.ts';

const MAX_DESCRIPTION_LENGTH = 200;

const urlSchema = z
  .string()
  .max(MAX_URL_LENGTH)
  .describe(
    'An https URL with a public host and port 443 or 1024 and above; without user name or fragment',
  );

const eventTypesSchema = z
  .array(z.enum(EVENT_TYPES))
  .min(1)
  .max(EVENT_TYPES.length)
  .refine((types) => new Set(types).size === types.length, 'must not repeat a type')
  .meta({ uniqueItems: true })
  .describe('Types of events to report; by default all');

const descriptionSchema = z
  .string()
  .max(MAX_DESCRIPTION_LENGTH)
  .nullable()
  .describe('Purpose of the webhook, shown to admins');

const enabledSchema = z
  .boolean()
  .describe('Jobs that end while the webhook is disabled are never reported');

export const newWebhookSchema = z
  .strictObject({
    url: urlSchema,
    description: descriptionSchema.default(null),
    eventTypes: eventTypesSchema.default([...EVENT_TYPES]),
    enabled: enabledSchema.default(true),
  })
  .meta({
    id: 'NewWebhook',
    examples: [
      {
        url: 'https://hooks.example.com/keepsake',
        description: 'Notifies the on-call channel',
        eventTypes: ['job.failed', 'job.partiallySucceeded'],
      },
    ],
  });

export const webhookPatchSchema = z
  .strictObject({
    url: urlSchema,
    description: descriptionSchema,
    eventTypes: eventTypesSchema,
    enabled: enabledSchema,
  })
  .partial()
  .refine((patch) => Object.keys(patch).length > 0, 'must have at least one change')
  .meta({ id: 'WebhookChange', minProperties: 1, examples: [{ enabled: false }] });

const time = z.iso.datetime();

export const webhookSchema = z
  .object({
    id: z.uuid(),
    url: z.string(),
    description: z.string().nullable(),
    eventTypes: z.array(z.enum(EVENT_TYPES)),
    enabled: z.boolean(),
    disabledAt: time.nullable(),
    disabledReason: z
      .enum(['byAdmin', 'gone', 'failing'])
      .nullable()
      .describe(
        'byAdmin: an admin disabled the webhook; gone: the receiver answered 410; failing: the receiver accepted nothing for days',
      ),
    failingSince: time.nullable().describe('The first failed attempt since the last success'),
    oldSecretValidUntil: time
      .nullable()
      .describe('Until then, requests are also signed with an old secret'),
    createdAt: time,
    updatedAt: time,
    links: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Webhook' });

const secretSchema = z
  .string()
  .nullable()
  .describe(
    '`whsec_…`, shown only once. Null if the same request is sent again with its idempotency key: if the ' +
      'first response was lost, rotate the secret.',
  );

export const createdWebhookSchema = webhookSchema
  .extend({ secret: secretSchema })
  .meta({ id: 'CreatedWebhook' });

export const rotatedSecretSchema = z
  .object({ secret: secretSchema, oldSecretValidUntil: time.nullable() })
  .meta({ id: 'RotatedSecret' });

export const deliverySchema = z
  .object({
    id: z.uuid().describe('Value of the header `webhook-id` of every attempt'),
    eventType: z.enum([...EVENT_TYPES, TEST_EVENT]),
    jobId: z.uuid().nullable().describe('Absent for a test'),
    state: z.enum(['pending', 'delivered', 'failed']),
    attempts: z.int(),
    lastAttemptAt: time.nullable(),
    lastStatus: z.int().nullable().describe('HTTP status; null if there was no response'),
    lastDurationMs: z.int().nullable(),
    lastError: z
      .enum(Object.keys(DELIVERY_ERRORS) as (keyof typeof DELIVERY_ERRORS)[])
      .nullable()
      .describe(
        Object.entries(DELIVERY_ERRORS)
          .map(([word, means]) => `${word}: ${means}`)
          .join('; '),
      ),
    nextAttemptAt: time.nullable().describe('Null once the delivery has ended'),
    createdAt: time,
    finishedAt: time
      .nullable()
      .describe(`When the delivery succeeded or failed; shown for ${DELIVERY_DAYS} more days`),
    links: z.record(z.string(), z.string()),
  })
  .meta({ id: 'WebhookDelivery' });

export type DeliveryJson = z.infer<typeof deliverySchema>;

export const pathOfWebhook = (id: string): string => `/v1/webhooks/${id}`;
export const pathOfDelivery = ({ webhook_id, id }: LoggedDelivery): string =>
  `${pathOfWebhook(webhook_id)}/deliveries/${id}`;

const iso = (timestamp: Date | null): string | null => timestamp?.toISOString() ?? null;

export const toWebhookJson = (row: WebhookRow): z.infer<typeof webhookSchema> => ({
  id: row.id,
  url: row.url,
  description: row.description,
  eventTypes: row.event_types as EventType[],
  enabled: row.disabled_at === null,
  disabledAt: iso(row.disabled_at),
  disabledReason: row.disabled_reason,
  failingSince: iso(row.failing_since),
  oldSecretValidUntil: iso(row.old_secret_until),
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
  links: { self: pathOfWebhook(row.id), deliveries: `${pathOfWebhook(row.id)}/deliveries` },
});

export const toDeliveryJson = (row: LoggedDelivery): DeliveryJson => ({
  id: row.id,
  eventType: row.event_type as DeliveryJson['eventType'],
  jobId: row.job_id,
  state: row.state,
  attempts: row.attempts,
  lastAttemptAt: iso(row.last_attempt_at),
  lastStatus: row.last_status,
  lastDurationMs: row.last_duration_ms,
  lastError: row.last_error as DeliveryJson['lastError'],
  nextAttemptAt: iso(row.next_attempt_at),
  createdAt: row.created_at.toISOString(),
  finishedAt: iso(row.finished_at),
  links: {
    self: pathOfDelivery(row),
    ...(row.job_id !== null && { job: `/v1/jobs/${row.job_id}` }),
    ...(row.state !== 'pending' && { replay: `${pathOfDelivery(row)}/replay` }),
  },
});
