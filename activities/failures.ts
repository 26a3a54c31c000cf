import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { DatabaseError } from 'pg';
import { nearlyEveryoneOf } from '../db/deletions/nearly-everyone.ts';
import {
  type DatabaseRefusal,
  type RefusalCode,
  refusalOf,
  refuseClock,
  refuseForgetful,
} from '../db/connections/refusal.ts';
import { isContended, isDatabaseAway, namesOf } from '../db/connections/sql-states.ts';
import { ImportFileError } from '../imports/file-error.ts';
import { capitalized } from '../rules/capitalized.ts';
import {
  describeNearlyEveryone,
  figuresOfNearlyEveryone,
  type NearlyEveryone,
} from '../rules/nearly-everyone.ts';
import type { ErrorData } from '../workflows/contracts/jobs.ts';
import { type FailureType, UNKNOWN } from './failure-types.ts';
import { StorageError, type StorageProblem } from '../storage/storage.ts';

const final = (type: FailureType, message: string, data?: ErrorData): ApplicationFailure =>
  data === undefined
    ? ApplicationFailure.nonRetryable(message, type)
    : ApplicationFailure.nonRetryable(message, type, data);

/** All failures of jobs. Messages hold ids and counts, never user data. */
export const failures = {
  jobNotRunning: (jobId: string, state: string) =>
    final('jobNotRunning', `Job ${jobId} is ${state}.`),
  /** An activity that was started without its workflow. */
  noWorkflow: (activity: string) =>
    final(
      'noWorkflow',
      `${activity} is a step of a workflow. Without its workflow, this step does nothing.`,
    ),
  jobNotYours: (jobId: string) =>
    final(
      'jobNotYours',
      `This workflow does not belong to job ${jobId}, or is not its latest run.`,
    ),
  deliveryNotYours: (deliveryId: string) =>
    final('deliveryNotYours', `This workflow does not belong to delivery ${deliveryId}.`),
  mailNotYours: (id: string) =>
    final('mailNotYours', `This workflow does not belong to this mail about ${id}.`),
  mailNotAsked: (id: string) =>
    final('mailNotAsked', `This mail about ${id} was not requested. Request it with the API.`),
  /** A workflow that was started manually, or was replaced by another run. */
  requestNotYours: (requestId: string) =>
    final(
      'requestNotYours',
      `This workflow cannot decide request ${requestId}. Only the run that claimed the request can.`,
    ),
  requestUnknown: (requestId: string) =>
    final('requestUnknown', `Delete-all request ${requestId} does not exist.`),
  runNotAllowed: (jobId: string) =>
    final(
      'runNotAllowed',
      `Job ${jobId} is not the run of a running delete-all request, so it deletes no further users. ` +
        'Check the request, then request a new approval.',
    ),
  selectionChanged: (confirmed: number, found: number) =>
    final(
      'selectionChanged',
      `${confirmed} users were confirmed, but ${found} match now. No user was deleted. ` +
        'Make a new preview and confirm its count.',
      { confirmed, found },
    ),
  selectionUnreadable: (jobId: string) =>
    final(
      'selectionUnreadable',
      `The stored selection of job ${jobId} is not complete or was changed. This job deletes and exports no ` +
        'further users. Make a new preview or export.',
    ),
  deleteAllRequired: (counts: NearlyEveryone) =>
    final(
      'deleteAllRequired',
      `${describeNearlyEveryone(counts)} This job deletes no further users. To delete nearly all users, request ` +
        'the approval of the platform team.',
      figuresOfNearlyEveryone(counts),
    ),
  usersNotStamped: (workspaceId: string) =>
    final(
      'usersNotStamped',
      `The trigger zzz_stamp on the users of ${workspaceId} is missing, disabled, changed, or not the ` +
        'last to fire. No user was deleted. Restore the trigger as in the migration, then start again.',
    ),
  usersHaveRules: (workspaceId: string) =>
    final(
      'usersHaveRules',
      `A rule on the users of ${workspaceId} changes the effect of statements. Nothing was deleted. ` +
        'Drop the rule, then start again.',
    ),
  usersNotPlain: (workspaceId: string) =>
    final(
      'usersNotPlain',
      `The users of ${workspaceId} are not in one plain table: the table is partitioned again, or is a ` +
        'foreign table. This step reads, writes and deletes nothing. Move the users to one table, then ' +
        'start again.',
    ),
  snapshotLost: (jobId: string) =>
    final(
      'snapshotLost',
      `The snapshot of job ${jobId} no longer belongs to this server. ` +
        'Make a new preview and start again.',
    ),
  exportUnknown: (exportId: string) =>
    final('exportUnknown', `Export ${exportId} does not exist, is damaged, or was removed.`),
  othersWouldGo: () =>
    final(
      'othersWouldGo',
      'A trigger on users deletes other users or changes any user, or track_counts is off. ' +
        'The batch was rolled back. Remove the trigger or turn on track_counts, then start again.',
    ),
  cascade: (constraint: string) =>
    final(
      'foreignKeyCascades',
      `The foreign key ${constraint} would change rows that are not in the backup. Nothing was ` +
        'deleted. Drop the key or set it to RESTRICT, then start again.',
    ),
  importFileDamaged: (fileId: string, figure: string) =>
    final(
      'importFileDamaged',
      `Import file ${fileId} differs from the uploaded file (${figure} differs). No user was imported. Check ` +
        'the storage, then upload the file again.',
    ),
  volatileText: (types: readonly string[]) =>
    final(
      'volatileText',
      `The users have values of the type ${types.join(', ')}. Their text depends on other objects of the ` +
        'database, or is not the whole value, so a backup cannot be verified. No user was deleted. Change ' +
        'the type of the column to text or oid, then start again.',
    ),
  usersNotUtf8: () =>
    final(
      'usersNotUtf8',
      'A user has a value that is not valid UTF-8, so a file with this value could not be read again. No ' +
        'user was deleted or exported by this file. Correct the value, then start again.',
    ),
  outOfLocks: (jobId: string) =>
    final(
      'outOfLocks',
      `PostgreSQL has too few locks for the triggers that fire while job ${jobId} restores a part. No user ` +
        'of that part was restored. Increase max_locks_per_transaction, then retry the job.',
    ),
  usersContended: (jobId: string) =>
    ApplicationFailure.retryable(
      `Other work repeatedly creates or removes the users of job ${jobId}. The step will be retried.`,
      'usersContended',
    ),
  tableChanged: (jobId: string) =>
    ApplicationFailure.retryable(
      `The table of users was changed while job ${jobId} restored users. The step will be retried.`,
      'usersContended',
    ),
  columnGone: (exportId: string, column: string) =>
    final(
      'columnGone',
      `Backup ${exportId} has a column ${column}, which the table of users no longer has. No user was restored. ` +
        'Add the column, or rename it back, then start again.',
    ),
  typeChanged: (exportId: string, column: string, type: string) =>
    final(
      'typeChanged',
      `Since backup ${exportId} was made, attributes of the type ${type} were replaced, or its labels were ` +
        `exchanged. Values of the column ${column} would have another meaning. No user was restored. Give ` +
        'the type its former attributes or labels, then start again.',
    ),
  notRestorable: (exportId: string, reason: string) =>
    final(
      'notRestorable',
      `A test restore of a user of backup ${exportId} failed and was rolled back: the database did not ` +
        `restore the user unchanged (${reason}). No user was deleted with this backup. Remove the trigger or ` +
        'constraint that prevents the restore, then start again.',
    ),
  usersHidden: (confirmed: number, found: number) =>
    final(
      'usersHidden',
      `${confirmed} users were confirmed, but the backup has ${found}, although no other user was deleted ` +
        'or changed meanwhile. So Keepsake cannot read some users. No user was deleted. Check for row-level ' +
        'security on the users and for missing rights of the role keepsake_app.',
    ),
  exportDamaged: (part: { exportId: string; part: number }, figure: string) =>
    final(
      'backupDamaged',
      `Part ${part.part} of export ${part.exportId} differs from the written part (${figure} differs). ` +
        'No more users are deleted with this backup. Check the storage, then start again.',
    ),
  sumsDoNotClose: (selected: number, sum: number) =>
    final('sumsDoNotClose', `${selected} users were selected, but the outcomes add up to ${sum}.`),
  /** A pooler or a clock can be fixed while the job waits. The other causes end the job. */
  databaseRefused: ({ code, message }: DatabaseRefusal) =>
    ApplicationFailure.create({
      type: code,
      message,
      nonRetryable: code === 'rowSecurity' || code === 'databaseNotDurable',
    }),
};

const STORAGE_ADVICE: Record<StorageProblem, string> = {
  full: 'The storage is full. Free some space, then start again.',
  unwritable: 'The storage folder is not writable. Fix its permissions, then start again.',
  missing: 'A file is missing from the storage. Check the storage, then start again.',
  broken: 'The storage failed. The step will be retried.',
};

/** Type of a failure for a statement that PostgreSQL always rejects. */
const DATABASE_REFUSED = 'databaseRefused';

/** Types of final failures of the database. */
const OF_THE_DATABASE: readonly string[] = [
  DATABASE_REFUSED,
  'rowSecurity',
  'databaseNotDurable',
] satisfies (typeof DATABASE_REFUSED | RefusalCode)[];

/** Errors that the database functions raise. */
const RAISED: Record<string, (id: string) => ApplicationFailure> = {
  KS005: failures.othersWouldGo,
  KS009: () => failures.databaseRefused(refuseForgetful(['fsync'])),
  KS013: failures.requestUnknown,
  KS014: failures.requestNotYours,
  KS015: failures.runNotAllowed,
  KS016: () => failures.databaseRefused(refuseClock()),
};

/**
 * The type names the error, and the message its location, without any content of the file. An
 * earlier attempt that could read the file imported `doneLines`.
 */
export const fileFailure = (
  { type, message }: ImportFileError,
  doneLines: number,
): ApplicationFailure =>
  final(
    type,
    doneLines === 0
      ? `${message} Nothing was imported.`
      : `${message} ${doneLines} lines before this line were imported and remain imported.`,
  );

/** The only translation of errors into retryable failures or final failures of a job. */
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
    `A step failed (${code ?? name}). The step will be retried.`,
    UNKNOWN,
  );
};

/** True for unexpected errors. */
export const isUnknown = (failure: Error): boolean =>
  failure instanceof ApplicationFailure && failure.type === UNKNOWN;

/** The same failure, but retryable if it is a failure of the database. */
export const tryAgain = (failure: Error): Error =>
  failure instanceof ApplicationFailure && OF_THE_DATABASE.includes(failure.type ?? '')
    ? ApplicationFailure.retryable(failure.message, failure.type)
    : failure;

const storageFailure = (error: StorageError): ApplicationFailure =>
  ApplicationFailure.create({
    type: `storage${capitalized(error.problem)}`,
    message: `${STORAGE_ADVICE[error.problem]} (${error.message})`,
    // A disk may recover. A full or forbidden disk needs a person.
    nonRetryable: error.problem !== 'broken',
  });

/** Temporary errors are retried. Permanent errors of PostgreSQL end the step. */
const databaseFailure = (error: unknown): ApplicationFailure | undefined => {
  const { code, name } = error as NodeJS.ErrnoException;
  if (isDatabaseAway(error)) {
    return ApplicationFailure.retryable(
      `PostgreSQL is not available (${code ?? name}). The step will be retried.`,
      'databaseUnavailable',
    );
  }
  if (isContended(error)) {
    return ApplicationFailure.retryable(
      `Other work holds a lock that this step needs (SQLSTATE ${code}). The step will be retried.`,
      'databaseBusy',
    );
  }
  if (!(error instanceof DatabaseError)) return undefined;
  const counts = nearlyEveryoneOf(error);
  return counts === undefined ? refused(error) : failures.deleteAllRequired(counts);
};

const refused = (error: DatabaseError): ApplicationFailure =>
  RAISED[error.code ?? '']?.(idIn(error)) ??
  final(
    DATABASE_REFUSED,
    `PostgreSQL rejected a statement: ${namesOf(error)}. Look up the code, fix the cause, ` +
      'then start again.',
  );

/** The id in such a message. */
const idIn = ({ message }: DatabaseError): string => /[0-9a-f-]{36}/.exec(message)?.[0] ?? '';
