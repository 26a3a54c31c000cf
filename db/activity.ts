import { uuidv7 } from 'uuidv7';
import type { DecisionKind, JobType } from '../workflows/contract.ts';
import type { Db } from './client.ts';

export type ActivityKind =
  | `${JobType}Started`
  | `${JobType}Finished`
  | 'jobCancelled'
  | 'download'
  | 'linkCreated'
  | 'linkRevoked'
  | 'holdSet'
  | 'holdCleared'
  | `deleteAll${'Asked' | 'Refused'}`
  | `deleteAll${Capitalize<DecisionKind>}`;

export interface NewActivity {
  workspaceId: string;
  kind: ActivityKind;
  /** The key that did it; none when it was the service itself, or the holder of a link. */
  actorKeyId?: string;
  jobId?: string;
  exportId?: string;
  requestId?: string;
  reason?: string;
  counts?: Record<string, number>;
}

/** Appends to the activity log, in the transaction of what it tells when given one. */
export const recordActivity = async (db: Db, activity: NewActivity): Promise<void> => {
  await db
    .insertInto('activity')
    .values({
      id: uuidv7(),
      workspace_id: activity.workspaceId,
      kind: activity.kind,
      actor_key_id: activity.actorKeyId ?? null,
      job_id: activity.jobId ?? null,
      export_id: activity.exportId ?? null,
      request_id: activity.requestId ?? null,
      reason: activity.reason ?? null,
      counts: JSON.stringify(activity.counts ?? {}),
    })
    .execute();
};
