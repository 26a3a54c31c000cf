import { beforeEach } from 'vitest';
import { makeJob } from '../../support/steps/export-rows.ts';
import { useApi } from '../support.ts';

export const HOOK_URL = 'https://hooks.example.com/keepsake?token=canary-token';

export const keyed = (key: string) => ({ 'idempotency-key': key });

/** The API, without webhooks at the start of each test. */
export const useWebhooks = () => {
  const api = useApi();
  const sql = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await api().database.owner.pool.query<Row>(text, values)).rows;

  beforeEach(async () => {
    await sql('DELETE FROM webhooks');
    api().starter.isAway = false;
    api().starter.deliveries.length = 0;
  });

  const create = async (
    body: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ) => {
    const sent = { body: { url: HOOK_URL, ...body }, headers };
    const answer = await api().call('POST', '/v1/webhooks', sent);
    return { ...answer, id: String(answer.body?.id) };
  };

  /** Ends a job of workspace `one`; returns the id of the delivery that this created. */
  const endJob = async (webhookId: string): Promise<string> => {
    const { owner } = api().database;
    const id = await makeJob(owner.db, { workspaceId: 'one', keyId: api().keyIds.one });
    await sql(`UPDATE jobs SET state = 'failed', finished_at = now() WHERE id = $1`, [id]);
    const rows = await sql<{ id: string }>(
      'SELECT id FROM webhook_deliveries WHERE job_id = $1 AND webhook_id = $2',
      [id, webhookId],
    );
    return rows[0]!.id;
  };

  /** Ends a delivery in the same way as an attempt. */
  const settle = (deliveryId: string, state: 'delivered' | 'failed') =>
    sql(
      `UPDATE webhook_deliveries SET state = $2, attempts = attempts + 1, last_attempt_at = now(),
         last_status = 500, last_error = 'status', last_duration_ms = 12, next_attempt_at = NULL,
         finished_at = now() WHERE id = $1`,
      [deliveryId, state],
    );
  return { api, sql, create, endJob, settle };
};
