import type { Generated } from 'kysely';
import type { DeliveryState } from '../../workflows/contracts/deliveries.ts';
import type { CreatedAt, Nullable, WithDefault } from '../column-types.ts';

/**
 * Why a webhook is off: an admin switched it off, the receiver answered 410, or it accepted nothing
 * for days.
 */
export type DisabledReason = 'byAdmin' | 'gone' | 'failing';

/** Tables of the webhooks. */
export interface WebhookSchema {
  webhooks: {
    id: string;
    workspace_id: string;
    url: string;
    description: Nullable<string>;
    event_types: string[];
    disabled_at: Nullable<Date>;
    disabled_reason: Nullable<DisabledReason>;
    failing_since: Nullable<Date>;
    changed_by: string;
    rotated_at: Nullable<Date>;
    created_at: CreatedAt;
    updated_at: Generated<Date>;
  };
  webhook_secrets: {
    id: string;
    webhook_id: string;
    /** Written by the API, read by the worker only. */
    secret: string;
    created_at: CreatedAt;
    expires_at: Nullable<Date>;
  };
  webhook_deliveries: {
    id: string;
    webhook_id: string;
    event_type: WithDefault<string>;
    job_id: Nullable<string>;
    state: WithDefault<DeliveryState>;
    round: WithDefault<number>;
    attempts: WithDefault<number>;
    last_attempt_at: Nullable<Date>;
    last_status: Nullable<number>;
    last_error: Nullable<string>;
    last_duration_ms: Nullable<number>;
    next_attempt_at: Nullable<Date>;
    created_at: CreatedAt;
    finished_at: Nullable<Date>;
  };
  webhook_calls: {
    workspace_id: string;
    idempotency_key: string;
    request_hash: string;
    webhook_id: string;
    delivery_id: Nullable<string>;
    created_at: CreatedAt;
  };
}
