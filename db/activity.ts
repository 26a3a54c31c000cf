import { uuidv7 } from 'uuidv7';
import { capitalized } from '../rules/capitalized.ts';
import { DECISION_KINDS, type DecisionKind } from '../workflows/contracts/delete-all.ts';
import { JOB_KINDS, type JobType } from '../workflows/contracts/jobs.ts';
import type { Db } from './client.ts';

/** Events that are logged in addition to the start and the end of each job. */
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
  // Written by a trigger on `api_keys`, for each key that is made or changed.
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

/** Every kind of line. */
export const ACTIVITY_KINDS: readonly ActivityKind[] = [
  ...(Object.keys(JOB_KINDS) as JobType[]).flatMap(
    (type) => [`${type}Started`, `${type}Finished`] as const,
  ),
  'deleteAllAsked',
  'deleteAllRefused',
  ...DECISION_KINDS.map((kind): DecisionEvent => `deleteAll${capitalized(kind)}`),
  ...EVENTS,
];

export interface NewActivity {
  workspaceId: string;
  kind: ActivityKind;
  /** The key that acted. Not set if the service itself or the holder of a link acted. */
  actorKeyId?: string;
  jobId?: string;
  exportId?: string;
  requestId?: string;
  reason?: string;
  counts?: Record<string, number>;
  /** Further evidence: states, timestamps, checksums. Never a user's data. */
  details?: Record<string, unknown>;
}

/** Appends to the activity log. Pass a transaction to log a change together with that change. */
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
