import { createHmac } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { uuidv7 } from 'uuidv7';
import { createApiKey } from '../../../db/api-keys.ts';
import { finishJob } from '../../../db/jobs/job-runs.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { newSecret } from '../../../webhooks/signature.ts';
import {
  DELIVERY_TYPE,
  type DeliveryInput,
  type DeliveryState,
  deliveryWorkflowIdOf,
  EVENT_TYPES,
} from '../../../workflows/contracts/deliveries.ts';
import type { FinalState } from '../../../workflows/contracts/jobs.ts';
import type { TestDatabase } from '../database/database.ts';
import { makeJob } from './export-rows.ts';
import type { Received } from '../http/webhook-receiver.ts';

/** Whether a request has a signature by this secret, checked as a receiver does. */
export const isSignedBy = (secret: string, { headers, body }: Received): boolean => {
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  return String(headers['webhook-signature']).split(' ').includes(expected);
};

/** Runs a step as an activity of the delivery's own workflow, by default at its first attempt. */
export const takeStep = (
  step: (input: DeliveryInput) => Promise<DeliveryState>,
  delivery: DeliveryInput,
  attempt = 1,
): Promise<DeliveryState> =>
  new MockActivityEnvironment({
    attempt,
    workflowType: DELIVERY_TYPE,
    workflowExecution: { workflowId: deliveryWorkflowIdOf(delivery), runId: 'run' },
  }).run(step, delivery);

export interface DeliveryFacts {
  id: string;
  state: string;
  round: number;
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  last_duration_ms: number | null;
  last_attempt_at: Date | null;
  next_attempt_at: Date | null;
  finished_at: Date | null;
  /** Time until the next attempt, by the database's clock. */
  next_ms: number | null;
}

export interface WebhookFacts {
  disabled_reason: string | null;
  failing_since: Date | null;
}

/** A workspace with webhooks and jobs that end, written as the owner of the database. */
export const createWebhookSteps = async ({ owner }: TestDatabase, workspaceId: string) => {
  await createWorkspace(owner.db, { id: workspaceId, name: workspaceId });
  const person = { ownerName: 'Ada', ownerEmail: `ada@${workspaceId}.example` };
  const { id: keyId } = await createApiKey(owner.db, { role: 'admin', workspaceId, ...person });
  const query = async <Row extends object>(text: string, values: unknown[]): Promise<Row[]> =>
    (await owner.pool.query<Row>(text, values)).rows;

  const addSecret = async (webhookId: string, expiresAt: Date | null = null): Promise<string> => {
    const secret = newSecret();
    await query(
      'INSERT INTO webhook_secrets (id, webhook_id, secret, expires_at) VALUES ($1, $2, $3, $4)',
      [uuidv7(), webhookId, secret, expiresAt],
    );
    return secret;
  };
  return {
    keyId,
    addSecret,
    addWebhook: async (url: string) => {
      const id = uuidv7();
      await query(
        `INSERT INTO webhooks (id, workspace_id, url, event_types, changed_by)
         VALUES ($1, $2, $3, $4, $5)`,
        [id, workspaceId, url, EVENT_TYPES, keyId],
      );
      return { id, secret: await addSecret(id) };
    },
    /** Ends a job. Returns the job and the deliveries that its end has made. */
    endJob: async (state: FinalState = 'succeeded') => {
      const jobId = await makeJob(owner.db, { workspaceId, keyId });
      const counts = { selected: 3, exported: 3, notFound: 0 };
      const result = { state, failures: 0 };
      await finishJob(owner.db, { jobId, workspaceId, type: 'export', result, counts });
      const rows = await query<{ id: string }>(
        'SELECT id FROM webhook_deliveries WHERE job_id = $1 ORDER BY id',
        [jobId],
      );
      return { jobId, deliveryIds: rows.map(({ id }) => id) };
    },
    delivery: async (id: string): Promise<DeliveryFacts> =>
      (
        await query<DeliveryFacts>(
          `SELECT *, (extract(epoch FROM next_attempt_at - now()) * 1000)::float8 AS next_ms
             FROM webhook_deliveries WHERE id = $1`,
          [id],
        )
      )[0]!,
    webhook: async (id: string): Promise<WebhookFacts> =>
      (await query<WebhookFacts>('SELECT * FROM webhooks WHERE id = $1', [id]))[0]!,
    activity: (webhookId: string) =>
      query<{ kind: string; actor_key_id: string | null; details: Record<string, unknown> }>(
        `SELECT * FROM activity WHERE details->>'webhookId' = $1 ORDER BY at, id`,
        [webhookId],
      ),
    query,
  };
};

export type WebhookSteps = Awaited<ReturnType<typeof createWebhookSteps>>;
