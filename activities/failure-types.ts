import type { RefusalCode } from '../db/connections/refusal.ts';
import { OLD_DELETE_ALL_REQUIRED } from '../db/jobs/retries.ts';
import { FILE_ERRORS } from '../imports/file-error.ts';
import type { StorageProblem } from '../storage/storage.ts';
import type { JobEnd } from '../workflows/contracts/jobs.ts';

/** The type of a failure for an unexpected error. */
export const UNKNOWN = 'brokenOff';

const OF_THE_DATABASE = [
  'clocksDiffer',
  'connectionUnfit',
  'databaseNotDurable',
  'loginRefused',
  'rowSecurity',
  'schemaMissing',
  'schemaOutdated',
] as const satisfies RefusalCode[];

const OF_THE_STORAGE = [
  'storageBroken',
  'storageFull',
  'storageMissing',
  'storageUnwritable',
] as const satisfies `storage${Capitalize<StorageProblem>}`[];

/** The failure types of steps, of jobs whose sums do not close, and of jobs that the sweep ends. */
export const FAILURE_TYPES = [
  ...FILE_ERRORS,
  ...OF_THE_DATABASE,
  ...OF_THE_STORAGE,
  'backupDamaged',
  'columnGone',
  'databaseBusy',
  'databaseRefused',
  'databaseUnavailable',
  'deleteAllRequired',
  'deliveryNotYours',
  'everyLineFailed',
  'everyLineRefused',
  'exportUnknown',
  'foreignKeyCascades',
  'held',
  'importFileDamaged',
  'jobNotRunning',
  'jobNotYours',
  'mailNotAsked',
  'mailNotYours',
  'noWorkflow',
  'notRestorable',
  'othersWouldGo',
  'outOfLocks',
  'requestNotYours',
  'requestUnknown',
  'runNotAllowed',
  'selectionChanged',
  'selectionUnreadable',
  'snapshotLost',
  'sumsDoNotClose',
  'typeChanged',
  'usersContended',
  'usersHaveRules',
  'usersHidden',
  'usersNotPlain',
  'usersNotStamped',
  'volatileText',
  'workflowTerminated',
] as const;

export type FailureType = (typeof FAILURE_TYPES)[number];

const BROKEN_OFF: JobEnd = {
  kind: 'failed',
  type: UNKNOWN,
  message: 'A step failed. The workflow of the job in Temporal shows the step and the cause.',
};

/**
 * The end of a job as it may be stored and shown. Any client of Temporal can make a step fail with
 * its own type and text. If the type is not in this list, both are replaced.
 */
export const knownEnd = (end: JobEnd): JobEnd => {
  if (end.kind !== 'failed') return end;
  const type = end.type === OLD_DELETE_ALL_REQUIRED ? 'deleteAllRequired' : end.type;
  return FAILURE_TYPES.some((known) => known === type) ? { ...end, type } : BROKEN_OFF;
};
