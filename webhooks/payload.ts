import type { DeliveryRow } from '../db/webhooks/webhook-deliveries.ts';

/**
 * The body of a request. A job's end is stored once, so each attempt sends the same bytes. It holds
 * ids, states and counts. A receiver that needs more calls the API with a key.
 */
export const payloadOf = (delivery: DeliveryRow, publicUrl: string): string => {
  const { workspace_id: workspaceId, event_type: type, job_id: jobId } = delivery;
  if (jobId === null) {
    return JSON.stringify({
      type,
      timestamp: delivery.created_at.toISOString(),
      data: {
        workspaceId,
        webhookId: delivery.webhook_id,
        links: { webhook: `${publicUrl}/v1/webhooks/${delivery.webhook_id}` },
      },
    });
  }
  return JSON.stringify({
    type,
    timestamp: delivery.job_finished_at?.toISOString(),
    data: {
      workspaceId,
      jobId,
      jobType: delivery.job_type,
      state: delivery.job_state,
      counts: delivery.job_counts,
      links: { job: `${publicUrl}/v1/jobs/${jobId}` },
    },
  });
};
