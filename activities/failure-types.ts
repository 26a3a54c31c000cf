import type { RefusalCode } from '../db/connections/refusal.ts';
import { FILE_ERRORS } from '../imports/file-error.ts';
import type { StorageProblem } from '../storage/storage.ts';
import type { JobEnd } from '../workflows/contract.ts';

/** Type of a failure that stands for an error of no known kind. */
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

/**
 * Types of the failures of steps, of jobs whose sums say that they failed, and of those that the
 * sweep ends.
 */
const FAILURE_TYPES = [
  ...FILE_ERRORS,
  ...OF_THE_DATABASE,
  ...OF_THE_STORAGE,
  'backupDamaged',
  'columnGone',
  'databaseBusy',
  'databaseRefused',
  'databaseUnavailable',
  'delete-all-required',
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
  'snapshotLost',
  'sumsDoNotClose',
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
 * An end as it may be stored and told. Whoever reaches Temporal can have a step fail with words of
 * their own: of a type that no step has, nothing is taken over.
 */
export const knownEnd = (end: JobEnd): JobEnd => {
  const isKnown = end.kind !== 'failed' || FAILURE_TYPES.some((type) => type === end.type);
  return isKnown ? end : BROKEN_OFF;
};
