import type { Client } from '@temporalio/client';

/** The longest wait for Temporal's answer, in milliseconds. */
const DEADLINE_MS = 2_000;

/** Whether Temporal answers and has the namespace. */
export const isTemporalThere = async (client: Client, namespace: string): Promise<boolean> => {
  try {
    await client.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
      client.workflowService.describeNamespace({ namespace }),
    );
    return true;
  } catch {
    return false;
  }
};
