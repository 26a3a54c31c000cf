/** What each activity takes and returns, and what it promises. */

import type { Decide, DecideWritten, RequestNotice, RequestView } from './delete-all.ts';
import type { DeliveryInput, DeliveryState } from './deliveries.ts';
import type {
  ClaimedJob,
  ImportCounts,
  JobEnd,
  JobInput,
  JobResult,
  PassResult,
  Phase,
  WrittenExport,
} from './jobs.ts';

/**
 * Temporal may run any activity twice, or again after a crash. So each is idempotent, and returns
 * the stored state.
 */
export interface Activities {
  /**
   * Moves a queued job to `running`. For a finished job it returns the stored result. `runId` is
   * only for workers of earlier versions.
   */
  claimJob: (input: JobInput & { runId: string }) => Promise<ClaimedJob>;
  enterPhase: (input: JobInput & { phase: Phase; pass: number }) => Promise<void>;
  /** Writes the job's selection (pass 1) or the targets of a later pass to a new export. */
  writeExport: (input: JobInput & { pass: number }) => Promise<WrittenExport>;
  /** Marks an export as verified if its sums close. `writeExport` has read it back. */
  verifyExport: (input: { exportId: string }) => Promise<WrittenExport>;
  /** Deletes the users of the verified backup that have not changed since its snapshot. */
  deleteBackedUpUsers: (input: JobInput & { exportId: string }) => Promise<{ deleted: number }>;
  /**
   * Stores the outcome of every user of the pass that was not deleted, or makes it a target again.
   */
  settlePass: (
    input: JobInput & { pass: number; isLast: boolean; deleted: number },
  ) => Promise<PassResult>;
  /** Hashes the parts of the backup that a restore reads. */
  verifyBackup: (input: JobInput) => Promise<void>;
  /** Restores the users that the backup's deletion deleted by it and that do not exist now. */
  restoreBackedUpUsers: (input: JobInput) => Promise<{ restored: number }>;
  /** Reads the whole file of an import and checks each line. Writes no user. */
  checkImportFile: (input: JobInput) => Promise<{ lines: number }>;
  /** Imports the valid lines, chunk by chunk in the order of the file. */
  importUsers: (input: JobInput) => Promise<Pick<ImportCounts, 'imported' | 'merged'>>;
  /** Stores a job's final state once. A second call returns the stored state. */
  finishJob: (input: JobInput & { end: JobEnd }) => Promise<JobResult>;
  /** Mails the owner of the key that started the job; once per job, however often it is called. */
  notifyJob: (input: JobInput & { end: JobEnd }) => Promise<void>;
  /** Mails the end of a finished job again, on request; once per round. */
  notifyJobAgain: (input: JobInput & { round: number }) => Promise<void>;
  startQueuedJobs: () => Promise<{ started: number; ended: number }>;
  /** Lets this run of the request's own workflow make the decisions. */
  claimRequest: (input: { requestId: string }) => Promise<RequestView>;
  /** The one way to change a request's state. A repeated call returns the first decision. */
  decideRequest: (input: Decide) => Promise<RequestView>;
  /**
   * Decides the rows that the API wrote, one after another. Decisions that end the request come
   * first.
   */
  decideWritten: (input: DecideWritten) => Promise<RequestView>;
  /** Mails all recipients of a notice; each once per round, however often it is called. */
  notifyRequest: (input: {
    requestId: string;
    kind: RequestNotice;
    /** 1 if not given. People ask for further rounds. */
    round?: number;
  }) => Promise<void>;
  /** Removes expired files, destroys removed ones, and erases data that nothing needs any more. */
  destroyExpiredExports: () => Promise<DestroyedResult>;
  /** Sends a webhook once. Throws if the delivery is to be retried. */
  attemptDelivery: (input: DeliveryInput) => Promise<DeliveryState>;
  /**
   * Ends a delivery that the receiver never accepted. If the delivery has ended, returns its state.
   */
  giveUpDelivery: (input: DeliveryInput) => Promise<DeliveryState>;
  /** Hashes the files of backups not checked for a day, and reports damage. */
  scrubBackups: () => Promise<ScrubResult>;
}

/** The number of backups by what one round of `ScrubBackups` found. */
export interface ScrubResult {
  whole: number;
  damaged: number;
  /** Damaged before, and intact again. */
  repaired: number;
}

/** The counts of one round of `DestroyExpired`. */
export interface DestroyedResult {
  /**
   * How far the watched time is behind the clock, in seconds. What expired in between is removed
   * later.
   */
  secondsBehind: number;
  /** Exports and imported files that this round marked as removed. */
  removed: number;
  /**
   * Removed exports and files whose files and traces were destroyed. Those removed in the last two
   * days are destroyed again each round.
   */
  destroyed: number;
  /** Unused attempts of existing exports whose files were removed, and uploads without a job. */
  leftovers: number;
  /** Jobs without a file, and previews, whose users were erased. */
  jobs: number;
  previews: number;
  /** Deliveries to webhooks that ended a month ago. */
  deliveries: number;
  /** Expired lists of users. */
  lists: number;
}
