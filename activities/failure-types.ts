import type { RefusalCode } from '../db/connections/refusal.ts';
import { OLD_DELETE_ALL_REQUIRED } from '../db/jobs/retries.ts';
import { FILE_ERRORS } from '../imports/file-error.ts';
import type { StorageProblem } from '../storage/storage.ts';
import type { ErrorData, JobEnd } from '../workflows/contracts/jobs.ts';

/** The type of a failure for an unexpected error. */
export const UNKNOWN = 'brokenOff';

const OF_THE_DATABASE = [
  'clockWentBack',
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
  'usersNotUtf8',
  'volatileText',
  'workflowTerminated',
] as const;

export type FailureType = (typeof FAILURE_TYPES)[number];

/** The numbers of failures. A failure is stored with all numbers of its type, or with none. */
const NUMBERS_OF: Partial<Record<FailureType, readonly string[]>> = {
  selectionChanged: ['confirmed', 'found'],
  deleteAllRequired: ['selected', 'taken', 'all', 'percent'],
};

const BROKEN_OFF: JobEnd = {
  kind: 'failed',
  type: UNKNOWN,
  message: 'A step failed. The workflow of the job in Temporal shows the step and the cause.',
};

/**
 * The end of a job as it may be stored and shown. Any client of Temporal can make a step fail with
 * its own type, text and data. If the type is not in this list, all are replaced. Data that are not
 * the numbers of the type are left out.
 */
export const knownEnd = (end: JobEnd): JobEnd => {
  if (end.kind !== 'failed') return end;
  const type = end.type === OLD_DELETE_ALL_REQUIRED ? 'deleteAllRequired' : end.type;
  const known = FAILURE_TYPES.find((one) => one === type);
  if (known === undefined) return BROKEN_OFF;
  const data = numbersOf(known, end.data);
  const { data: _given, ...rest } = end;
  return { ...rest, type: known, ...(data !== undefined && { data }) };
};

const numbersOf = (type: FailureType, given: unknown): ErrorData | undefined => {
  const names = NUMBERS_OF[type];
  if (names === undefined || typeof given !== 'object' || given === null) return undefined;
  const values = names.map((name) => [name, (given as Record<string, unknown>)[name]] as const);
  const isWhole = values.every(([, value]) => typeof value === 'number' && Number.isFinite(value));
  return isWhole ? (Object.fromEntries(values) as ErrorData) : undefined;
};
