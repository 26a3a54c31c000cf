import { uuidv7 } from 'uuidv7';
import {
  DECISION_KINDS,
  type DecisionKind,
  JOB_KINDS,
  type JobType,
} from '../workflows/contract.ts';
import type { Db } from './client.ts';

/** What is told beside the beginnings and ends of jobs. */
const EVENTS = [
  'jobCancelled',
  'download',
  'linkCreated',
  'linkRevoked',
  'holdSet',
  'holdCleared',
  'backupExtended',
  'backupHeld',
  'backupReleased',
  'backupPurged',
  'backupExpired',
  'backupDamaged',
  'backupRepaired',
  'exportExpired',
  'importFileExpired',
  'leftoversRemoved',
  'webhookCreated',
  'webhookChanged',
  'webhookDeleted',
  'webhookSecretRotated',
  'webhookSwitchedOff',
  // By a trigger on keys, whoever makes or changes one.
  'keyCreated',
  'keyChanged',
  'keyRevoked',
] as const;

type DecisionEvent = `deleteAll${Capitalize<DecisionKind>}`;

export type ActivityKind =
  | `${JobType}Started`
  | `${JobType}Finished`
  | `deleteAll${'Asked' | 'Refused'}`
  | DecisionEvent
  | (typeof EVENTS)[number];

/** Every kind of line there is. */
export const ACTIVITY_KINDS: readonly ActivityKind[] = [
  ...(Object.keys(JOB_KINDS) as JobType[]).flatMap(
    (type) => [`${type}Started`, `${type}Finished`] as const,
  ),
  'deleteAllAsked',
  'deleteAllRefused',
  ...DECISION_KINDS.map(
    (kind) => `deleteAll${kind[0]?.toUpperCase()}${kind.slice(1)}` as DecisionEvent,
  ),
  ...EVENTS,
];

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
  /** States, moments, checksums: what else it takes as proof. Never a user's data. */
  details?: Record<string, unknown>;
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
      details: JSON.stringify(activity.details ?? {}),
    })
    .execute();
};
