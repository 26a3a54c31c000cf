import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { DatabaseError } from 'pg';
import {
  describeNearlyEveryone,
  type NearlyEveryone,
  nearlyEveryoneOf,
} from '../db/deletions/nearly-everyone.ts';
import {
  type DatabaseRefusal,
  type RefusalCode,
  refusalOf,
  refuseForgetful,
} from '../db/connections/refusal.ts';
import { isContended, isDatabaseAway, namesOf } from '../db/connections/sql-states.ts';
import { ImportFileError } from '../imports/file-error.ts';
import { type FailureType, UNKNOWN } from './failure-types.ts';
import { StorageError, type StorageProblem } from '../storage/storage.ts';

const final = (type: FailureType, message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, type);

/** Every failure that can end a step. Messages hold ids and counts, never a user's data. */
export const failures = {
  jobNotRunning: (jobId: string, state: string) =>
    final('jobNotRunning', `Job ${jobId} is ${state}.`),
  /** An activity that was started without a workflow. */
  noWorkflow: (activity: string) =>
    final('noWorkflow', `${activity} is a step of a workflow, and does nothing by itself.`),
  jobNotYours: (jobId: string) =>
    final('jobNotYours', `This workflow is not the one of job ${jobId}, or not its latest run.`),
  deliveryNotYours: (deliveryId: string) =>
    final('deliveryNotYours', `This workflow is not the one of delivery ${deliveryId}.`),
  mailNotYours: (id: string) =>
    final('mailNotYours', `This workflow is not the one of this mail about ${id}.`),
  mailNotAsked: (id: string) =>
    final('mailNotAsked', `Nobody has asked for this mail about ${id}. Ask for it by the API.`),
  /** A workflow that was started by hand, or whose request another run has claimed. */
  requestNotYours: (requestId: string) =>
    final(
      'requestNotYours',
      `This workflow does not decide request ${requestId}: only the run that claimed it does.`,
    ),
  requestUnknown: (requestId: string) =>
    final('requestUnknown', `There is no delete-all request ${requestId}.`),
  runNotAllowed: (jobId: string) =>
    final(
      'runNotAllowed',
      `Job ${jobId} is not the run of a delete-all request that is running, so it deletes nobody (any more). ` +
        'Look at the request, and ask for a new approval.',
    ),
  selectionChanged: (confirmed: number, found: number) =>
    final(
      'selectionChanged',
      `${confirmed} users were confirmed and ${found} match now. Nothing was deleted. ` +
        'Make a new preview and confirm its count.',
    ),
  deleteAllRequired: (counts: NearlyEveryone) =>
    final(
      'delete-all-required',
      `${describeNearlyEveryone(counts)} Nothing more is deleted by this job. Deleting nearly everyone ` +
        'needs the approval of the platform team.',
    ),
  usersNotStamped: (workspaceId: string) =>
    final(
      'usersNotStamped',
      `The trigger zzz_stamp on the users of ${workspaceId} is missing, switched off, changed, or ` +
        'not the last to fire. Nothing was deleted. Restore it as the migration makes it, then start again.',
    ),
  usersHaveRules: (workspaceId: string) =>
    final(
      'usersHaveRules',
      `A rule on the users of ${workspaceId} changes what statements on them mean. Nothing was ` +
        'deleted. Drop the rule, then start again.',
    ),
  usersNotPlain: (workspaceId: string) =>
    final(
      'usersNotPlain',
      `The users of ${workspaceId} do not lie in one plain table: it is partitioned again, or a foreign ` +
        'table. Nothing is read or deleted by this step. Make it one table, then start again.',
    ),
  snapshotLost: (jobId: string) =>
    final(
      'snapshotLost',
      `The snapshot that job ${jobId} was bound to does not belong to this server any more. ` +
        'Make a new preview and start again.',
    ),
  exportUnknown: (exportId: string) =>
    final('exportUnknown', `Export ${exportId} is not there, damaged, or removed.`),
  othersWouldGo: () =>
    final(
      'othersWouldGo',
      'A trigger on users deletes further users, whom the backup does not hold, or track_counts is ' +
        'off. The batch was rolled back. Remove the trigger or turn the setting on, then start again.',
    ),
  cascade: (constraint: string) =>
    final(
      'foreignKeyCascades',
      `The foreign key ${constraint} would change rows the backup does not hold. Nothing was ` +
        'deleted. Drop it or make it restrict, then start again.',
    ),
  importFileDamaged: (fileId: string, figure: string) =>
    final(
      'importFileDamaged',
      `Import file ${fileId} is not what was uploaded (${figure} differs). Nobody was imported. Check the ` +
        'storage, then upload the file again.',
    ),
  volatileText: (types: readonly string[]) =>
    final(
      'volatileText',
      `The users have values of the type ${types.join(', ')}, whose text changes with other objects of the ` +
        'database, so no backup of them can be compared. Nobody was deleted. Change the type to text or oid, ' +
        'then start again.',
    ),
  outOfLocks: (jobId: string) =>
    final(
      'outOfLocks',
      `PostgreSQL has no room for the locks that triggers take as job ${jobId} restores a part. Nobody of ` +
        'that part was restored. Raise max_locks_per_transaction, then retry the job.',
    ),
  usersContended: (jobId: string) =>
    ApplicationFailure.retryable(
      `Others create or remove the users of job ${jobId} over and over; it is tried again.`,
      'usersContended',
    ),
  columnGone: (exportId: string, column: string) =>
    final(
      'columnGone',
      `Backup ${exportId} has a column ${column} that the users have no longer. Nobody was restored. ` +
        'Add the column again, then start again.',
    ),
  notRestorable: (exportId: string, reason: string) =>
    final(
      'notRestorable',
      `A user of backup ${exportId} was deleted and restored for a trial, which was rolled back: the ` +
        `database did not take the user back as they were (${reason}). Nobody was deleted by it. Remove the ` +
        'trigger or constraint that stands in the way, then start again.',
    ),
  usersHidden: (confirmed: number, found: number) =>
    final(
      'usersHidden',
      `${confirmed} users were confirmed and the backup holds ${found}, though no other user was deleted ` +
        'or changed meanwhile. Something hides users from Keepsake. Nobody was deleted. Look for ' +
        'row-level security on the users and for missing rights of the role keepsake_app.',
    ),
  exportDamaged: (part: { exportId: string; part: number }, figure: string) =>
    final(
      'backupDamaged',
      `Part ${part.part} of export ${part.exportId} is not what was written (${figure} differs). ` +
        'Nothing more is deleted by it. Check the storage, then start again.',
    ),
  sumsDoNotClose: (selected: number, sum: number) =>
    final('sumsDoNotClose', `${selected} users were selected and ${sum} are accounted for.`),
  /**
   * An operator can fix a pooler or a clock while the job waits. The other refusals need a
   * decision.
   */
  databaseRefused: ({ code, message }: DatabaseRefusal) =>
    ApplicationFailure.create({
      type: code,
      message,
      nonRetryable: code === 'rowSecurity' || code === 'databaseNotDurable',
    }),
};

const STORAGE_ADVICE: Record<StorageProblem, string> = {
  full: 'The storage is full. Free some space, then start again.',
  unwritable: 'The storage folder cannot be written. Mend its permissions, then start again.',
  missing: 'A file is missing from the storage.',
  broken: 'The storage failed.',
};

const storageFailure = (error: StorageError): ApplicationFailure =>
  ApplicationFailure.create({
    type: `storage${error.problem[0]?.toUpperCase()}${error.problem.slice(1)}`,
    message: `${STORAGE_ADVICE[error.problem]} (${error.message})`,
    // A disk may answer again. A full or forbidden disk needs a person.
    nonRetryable: error.problem !== 'broken',
  });

/** The type of a failure for a statement that PostgreSQL refuses each time. */
const DATABASE_REFUSED = 'databaseRefused';

/** The types of the database's final failures. */
const OF_THE_DATABASE: readonly string[] = [
  DATABASE_REFUSED,
  'rowSecurity',
  'databaseNotDurable',
] satisfies (typeof DATABASE_REFUSED | RefusalCode)[];

/** Permanent errors that the functions of the database raise, by SQLSTATE. */
const RAISED: Record<string, (id: string) => ApplicationFailure> = {
  KS005: failures.othersWouldGo,
  KS009: () => failures.databaseRefused(refuseForgetful(['fsync'])),
  KS013: failures.requestUnknown,
  KS014: failures.requestNotYours,
  KS015: failures.runNotAllowed,
};

/** The id in the message of such an error. */
const idIn = ({ message }: DatabaseError): string => /[0-9a-f-]{36}/.exec(message)?.[0] ?? '';

const refused = (error: DatabaseError): ApplicationFailure =>
  RAISED[error.code ?? '']?.(idIn(error)) ??
  final(
    DATABASE_REFUSED,
    `PostgreSQL refused a statement: ${namesOf(error)}. Look up the code, correct the cause, ` +
      'then start again.',
  );

/**
 * Errors that pass by themselves are retried. Errors that PostgreSQL raises each time end the step.
 */
const databaseFailure = (error: unknown): ApplicationFailure | undefined => {
  const { code, name } = error as NodeJS.ErrnoException;
  if (isDatabaseAway(error)) {
    return ApplicationFailure.retryable(
      `PostgreSQL is away (${code ?? name}); it is tried again.`,
      'databaseUnavailable',
    );
  }
  if (isContended(error)) {
    return ApplicationFailure.retryable(
      `Other work holds what this needs (SQLSTATE ${code}); it is tried again.`,
      'databaseBusy',
    );
  }
  if (!(error instanceof DatabaseError)) return undefined;
  const counts = nearlyEveryoneOf(error);
  return counts === undefined ? refused(error) : failures.deleteAllRequired(counts);
};

/**
 * The failure of an import for an error in its file. The message names the line, but not its
 * content. `doneLines` lines were imported before, by an attempt that could read the file.
 */
export const fileFailure = (
  { type, message }: ImportFileError,
  doneLines: number,
): ApplicationFailure =>
  final(
    type,
    doneLines === 0
      ? `${message} Nothing was imported.`
      : `${message} ${doneLines} lines before it were imported, and stay so.`,
  );

/** The one translation of errors into failures, which Temporal retries or which end a job. */
export const toFailure = (error: unknown): Error => {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof StorageError) return storageFailure(error);
  if (error instanceof ImportFileError) return fileFailure(error, 0);
  const refusal = refusalOf(error);
  if (refusal !== undefined) return failures.databaseRefused(refusal);
  const failure = databaseFailure(error);
  if (failure !== undefined) return failure;
  const { code, name } = error as NodeJS.ErrnoException;
  return ApplicationFailure.retryable(
    `A step broke off (${code ?? name}); it is tried again.`,
    UNKNOWN,
  );
};

/** Whether a failure stands for an unexpected error. */
export const isUnknown = (failure: Error): boolean =>
  failure instanceof ApplicationFailure && failure.type === UNKNOWN;

/** The same failure, but retryable if the database raised it. */
export const tryAgain = (failure: Error): Error =>
  failure instanceof ApplicationFailure && OF_THE_DATABASE.includes(failure.type ?? '')
    ? ApplicationFailure.retryable(failure.message, failure.type)
    : failure;
