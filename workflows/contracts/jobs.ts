/**
 * The contract between workflows, activities, API and worker: names, ids, inputs and results. All
 * of it is stored in Temporal's histories, so it holds ids and counts and never a user's data.
 */

import type { DeliveryInput, DeliveryState } from './deliveries.ts';

/**
 * The types of jobs: the workflow's type, the prefix of the workflow's id, and the path in the API.
 */
export const JOB_KINDS = {
  export: { workflowType: 'ExportUsers', idPrefix: 'export', path: 'exports' },
  import: { workflowType: 'ImportUsers', idPrefix: 'import', path: 'imports' },
  deletion: { workflowType: 'DeleteUsers', idPrefix: 'delete', path: 'deletions' },
  restore: { workflowType: 'RestoreUsers', idPrefix: 'restore', path: 'restores' },
} as const;

export type JobType = keyof typeof JOB_KINDS;

/** A job always has the same workflow id, so a second start finds the first. */
export const workflowIdOf = (job: { id: string; type: JobType }): string =>
  `${JOB_KINDS[job.type].idPrefix}/${job.id}`;

/** The sweep is one workflow that never ends; signals control it. */
export const SWEEP = {
  id: 'start-queued',
  workflowType: 'StartQueued',
  every: '1 minute',
} as const;
export const SWEEP_SIGNALS = { now: 'sweepNow', pause: 'pause', resume: 'resume' } as const;

/** The state that one run of the sweep passes to the next. */
export interface SweepInput {
  isPaused?: boolean;
  isAsked?: boolean;
}

/**
 * The schedules: one destroys what has expired, the other hashes the files of backups. The id of
 * the schedule is also the id of the workflow, so no two runs of one schedule overlap.
 */
export const SCHEDULES = [
  { id: 'destroy-expired', workflowType: 'DestroyExpired', every: '1 hour', timeout: '12 hours' },
  { id: 'scrub-backups', workflowType: 'ScrubBackups', every: '1 hour', timeout: '12 hours' },
] as const;

/** The first backup of a deletion, and up to two more for users who changed in the meantime. */
export const MAX_PASSES = 3;

export const STATE_QUERY = 'state';

export interface JobInput {
  jobId: string;
}

export type Phase =
  | 'exporting'
  | 'verifying'
  | 'checking'
  | 'importing'
  | 'backingUp'
  | 'verifyingBackup'
  | 'deleting'
  | 'restoring'
  | 'settling'
  | 'notifying';

/** The users of a deletion, by outcome. The other counts add up to `selected`. */
export interface DeletionCounts {
  selected: number;
  deleted: number;
  changedSinceBackup: number;
  notFound: number;
  held: number;
  failed: number;
  unprocessed: number;
}

/** The users of a restore, by outcome. The other counts add up to `selected`. */
export interface RestoreCounts {
  selected: number;
  restored: number;
  /** Users that exist already. They are left unchanged. */
  present: number;
  /** Users that the backup's deletion did not delete by this backup. */
  notFound: number;
  /** Users that the database does not accept as they were. A later restore may succeed. */
  failed: number;
  unprocessed: number;
}

/**
 * The lines of an imported file, by outcome. All counts but `unchanged` and `partial` add up to
 * `lines`.
 */
export interface ImportCounts {
  /** The number of lines read, if the file was not read to its end. */
  lines: number;
  /** Lines that created a user. */
  imported: number;
  /** Lines about an existing user. */
  merged: number;
  /** Merged lines that changed nothing. */
  unchanged: number;
  /** Lines about an existing user that was left unchanged. */
  skipped: number;
  /** Lines about a user under legal hold, left unchanged. */
  held: number;
  failed: number;
  /** Imported or merged lines of which some cells were left out. */
  partial: number;
  unprocessed: number;
}

export type FinalState = 'succeeded' | 'partiallySucceeded' | 'failed' | 'cancelled';

/** The end of a job: stored in its row and returned by its workflow. */
export interface JobResult {
  state: FinalState;
  /** Users or lines that failed, changed or were not processed. */
  failures: number;
  error?: { type: string; message: string };
}

/** Facts about a job for Temporal's UI, beside its type and workspace. */
export interface AboutJob {
  /** The number of users the job is about; null while unknown. */
  count: number | null;
  /** The id of the key that started the job, as the API shows it. */
  askedBy: string;
  /** The ticket named in the job's reason, such as OPS-123. */
  ticket: string | null;
}

/**
 * A job as its workflow knows it. `finished` is set if the job ended before: then nothing is
 * repeated.
 */
export interface ClaimedJob {
  type: JobType;
  workspaceId: string;
  notify: boolean;
  /** Whether the job is about a few chosen users (its targets). */
  isSmall: boolean;
  /** Facts for Temporal's UI; they name no person. Missing in histories of earlier versions. */
  about?: AboutJob;
  finished?: JobResult;
}

/** A written or verified export. */
export interface WrittenExport {
  exportId: string;
  rows: number;
}

/** The result of a pass. The `changed` users are the targets of the next pass. */
export interface PassResult {
  deleted: number;
  changed: number;
}

/** The answer to the `state` query. */
export interface LiveState {
  phase: Phase | null;
  pass: number;
}

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
  enterPhase: (input: JobInput & { phase: Phase }) => Promise<void>;
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

/** How a job's steps ended: completed, cancelled by an admin, or failed with an error. */
export type JobEnd =
  | { kind: 'completed' }
  | { kind: 'cancelled' }
  | { kind: 'failed'; type: string; message: string };

/** The states of a request to delete every user of a workspace. The first three are unfinished. */
export const REQUEST_STATES = [
  'requested',
  'open',
  'running',
  'completed',
  'completedWithFailures',
  'failed',
  'cancelled',
  'denied',
  'withdrawn',
  'lapsed',
  'expired',
  'revoked',
] as const;
export type RequestState = (typeof REQUEST_STATES)[number];

export const isUnfinished = (state: RequestState): boolean =>
  state === 'requested' || state === 'open' || state === 'running';

/**
 * The signals to a request's workflow, sent by people through the API, Temporal's UI or its CLI.
 */
export const MESSAGE_KINDS = ['approve', 'deny', 'revoke', 'withdraw', 'run', 'retry'] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** The longest reason that a person may give, in UTF-16 code units. */
export const MAX_REASON_LENGTH = 1_000;

/** Whether a message ends the request. Such messages are handled before others. */
export const isUrgent = ({ kind }: { kind: string }): boolean =>
  kind === 'revoke' || kind === 'withdraw';

/**
 * The causes of a state change: a message, the clock, the end of a run, or an operator's cancel.
 */
export const DECISION_KINDS = [
  ...MESSAGE_KINDS,
  'lapse',
  'expire',
  'finish',
  'stop',
  /** A signal with an unknown name. */
  'unknown',
] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** Why a decision was refused. */
export type Refusal =
  | 'malformed'
  | 'decisionMismatch'
  /** The message does not prove its sender, or signals of its kind are switched off. */
  | 'unproven'
  | 'unknownSignal'
  | 'unknownKey'
  | 'revokedKey'
  | 'wrongRole'
  | 'selfApproval'
  | 'reasonRequired'
  | 'wrongState'
  | 'tooEarly'
  | 'tooLate'
  | 'notConfirmed'
  | 'previewExpired'
  | 'previewUsed'
  | 'stillRunning'
  /** No decision was made in time, and the caller got this answer. */
  | 'unanswered';

export const DELETE_ALL_TYPE = 'DeleteAllUsers';
/** A request always has the same workflow id, so a second start finds the first. */
export const requestWorkflowIdOf = (requestId: string): string => `delete-all/${requestId}`;

/** Makes a workflow read its request's row again, for example after a reset. */
export const LOOK_SIGNAL = 'look';

/** When reminders are sent, in milliseconds. The row of a request has its times. */
export interface DeleteAllTimes {
  /** Time without an answer after which the platform team is reminded. */
  remindAfterMs: number;
  /** Times before the window's end at which the workspace's admins are reminded. */
  closingRemindersMs: readonly number[];
}

export interface DeleteAllInput {
  requestId: string;
  /** Only in histories of earlier versions, whose request views have no times. */
  times?: DeleteAllTimes;
  /** Messages that the previous run of this workflow did not handle. */
  unread?: Message[];
}

/**
 * A message, as far as it could be parsed. `decisionId` is the id of the row in which the API
 * stored the decision's reason.
 */
export type Message =
  | { kind: 'look' }
  | { kind: MessageKind; malformed: true }
  | { kind: 'unknown'; reason: string }
  | { kind: MessageKind; decisionId: string }
  | { kind: MessageKind; code?: string; reason?: string };

/** An attempt to change a request's state. */
export interface Decide {
  requestId: string;
  kind: DecisionKind;
  /** The workflow's own id of this attempt. */
  id: string;
  /** The id of the row that the API wrote. */
  decisionId?: string;
  /** Proves the sender of a message for which the API wrote no row. */
  code?: string;
  reason?: string;
  /** The message could not be parsed. */
  malformed?: true;
}

/** Rows that the API wrote, as named in messages. */
export interface DecideWritten {
  requestId: string;
  rows: { id: string; kind: MessageKind }[];
  /** More rows were named than are kept, so the newest rows are read from the database. */
  more: boolean;
}

/** A request's row after a decision. */
export interface RequestView {
  workspaceId: string;
  state: RequestState;
  askedAt: number;
  lapsesAt: number;
  closesAt: number | null;
  jobId: string | null;
  /** Missing in histories of earlier versions. */
  times?: DeleteAllTimes;
  /** Why the requested decision was refused. */
  refusal?: Refusal;
  /** The last attempt, if there were several. */
  tried?: DecisionKind;
}

/** The mails about a request: its state, and reminders. */
export type RequestNotice =
  | 'asked'
  | 'approved'
  | 'unanswered'
  | 'ended'
  | `closing/${number}`
  | 'denied'
  | 'withdrawn'
  | 'lapsed'
  | 'expired'
  | 'revoked';

/**
 * The mail to send when a request enters a state. A running request gets its mail when the run
 * ends.
 */
export const noticeOf = (state: RequestState): RequestNotice | undefined => {
  switch (state) {
    case 'requested':
      return 'asked';
    case 'open':
      return 'approved';
    case 'running':
      return undefined;
    case 'completed':
    case 'completedWithFailures':
    case 'failed':
    case 'cancelled':
      return 'ended';
    case 'denied':
    case 'withdrawn':
    case 'lapsed':
    case 'expired':
    case 'revoked':
      return state;
  }
};

/** The answer to the `state` query of a request; null before the request is claimed. */
export type LiveRequest = RequestView | null;
