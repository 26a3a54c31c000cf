/**
 * What workflows, activities, API and worker agree on: names, ids, inputs, results. Everything here
 * lands in Temporal's histories, so it holds ids and counts and never a user's data.
 */

import type { DeliveryInput, DeliveryState } from './delivery-contract.ts';

/**
 * Each kind of job: its workflow's type, what its workflow's id begins with, and its path in the
 * API.
 */
export const JOB_KINDS = {
  export: { workflowType: 'ExportUsers', idPrefix: 'export', path: 'exports' },
  import: { workflowType: 'ImportUsers', idPrefix: 'import', path: 'imports' },
  deletion: { workflowType: 'DeleteUsers', idPrefix: 'delete', path: 'deletions' },
  restore: { workflowType: 'RestoreUsers', idPrefix: 'restore', path: 'restores' },
} as const;

export type JobType = keyof typeof JOB_KINDS;

/** The same job always has the same workflow id, so a second start finds the first. */
export const workflowIdOf = (job: { id: string; type: JobType }): string =>
  `${JOB_KINDS[job.type].idPrefix}/${job.id}`;

/** The sweep is one workflow that never ends, and is told what to do by signals. */
export const SWEEP = {
  id: 'start-queued',
  workflowType: 'StartQueued',
  every: '1 minute',
} as const;
export const SWEEP_SIGNALS = { now: 'sweepNow', pause: 'pause', resume: 'resume' } as const;

/** What one run of the sweep hands on to the next. */
export interface SweepInput {
  isPaused?: boolean;
  isAsked?: boolean;
}

/**
 * What else runs by itself: the end of what has expired, and a look at the files of backups. Each
 * schedule has the id of the workflow it starts, so no two of them run at once.
 */
export const SCHEDULES = [
  { id: 'destroy-expired', workflowType: 'DestroyExpired', every: '1 hour', timeout: '12 hours' },
  { id: 'scrub-backups', workflowType: 'ScrubBackups', every: '1 hour', timeout: '12 hours' },
] as const;

/** Search attributes, by name and type; the worker registers what is missing. */
export const SEARCH_ATTRIBUTES = {
  KeepsakeJob: 'KEYWORD',
  KeepsakePhase: 'KEYWORD',
  KeepsakeWorkspace: 'KEYWORD',
  KeepsakeFailures: 'INT',
  KeepsakeWindowClosesAt: 'DATETIME',
} as const;

/** The first backup of a deletion, and up to two more for users who changed meanwhile. */
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

/** How many users of a deletion came to what. They add up to `selected`. */
export interface DeletionCounts {
  selected: number;
  deleted: number;
  changedSinceBackup: number;
  notFound: number;
  held: number;
  failed: number;
  unprocessed: number;
}

/** How many users of a restore came to what. They add up to `selected`. */
export interface RestoreCounts {
  selected: number;
  restored: number;
  /** There already, and left as they are. */
  present: number;
  /** Not among those whom the backup's deletion deleted by it. */
  notFound: number;
  /** The database does not take them back as they were; a later restore may. */
  failed: number;
  unprocessed: number;
}

/**
 * How many lines of an imported file came to what. All but `unchanged` and `partial` add up to
 * `lines`.
 */
export interface ImportCounts {
  /** As many as were read, where the file was not read to its end. */
  lines: number;
  /** They made a new user. */
  imported: number;
  /** They were about a user who was there. */
  merged: number;
  /** Of those merged: there was nothing to change. */
  unchanged: number;
  /** About a user who was there, and is left alone. */
  skipped: number;
  /** About a user under legal hold, who is left alone. */
  held: number;
  failed: number;
  /** Of those that made a user or were merged: cells were left out. */
  partial: number;
  unprocessed: number;
}

export type FinalState = 'succeeded' | 'partiallySucceeded' | 'failed' | 'cancelled';

/** How a job ended; what its row says and its workflow returns. */
export interface JobResult {
  state: FinalState;
  /** Users or lines not dealt with as asked: failed, changed or unprocessed. */
  failures: number;
  error?: { type: string; message: string };
}

/** What Temporal's UI shows of a job, beside its type and workspace. */
export interface AboutJob {
  /** Users it is about, once that is known. */
  count: number | null;
  /** The id that the key of who asked is shown by. */
  askedBy: string;
  /** The ticket that its reason names, such as OPS-123. */
  ticket: string | null;
}

/**
 * A job as its workflow knows it. `finished` is there when it ended before: nothing is done twice.
 */
export interface ClaimedJob {
  type: JobType;
  workspaceId: string;
  notify: boolean;
  /** Whether it is about a few users, named one by one. */
  isSmall: boolean;
  /**
   * What Temporal's UI tells of it; none of it names a person. Missing in histories of versions
   * before.
   */
  about?: AboutJob;
  finished?: JobResult;
}

/** An export that is written, or verified. */
export interface WrittenExport {
  exportId: string;
  rows: number;
}

/** What a pass left behind. `changed` users are the targets of the next pass. */
export interface PassResult {
  deleted: number;
  changed: number;
}

/** What the `state` query answers. */
export interface LiveState {
  phase: Phase | null;
  pass: number;
}

/**
 * Every activity may run twice, or again after a crash: each answers with the state of the world.
 */
export interface Activities {
  /** Takes a queued job into `running`; a finished one answers with its stored result. */
  claimJob: (input: JobInput & { runId: string }) => Promise<ClaimedJob>;
  enterPhase: (input: JobInput & { phase: Phase }) => Promise<void>;
  /** Writes the job's selection (pass 1) or the targets of a later pass to a new export. */
  writeExport: (input: JobInput & { pass: number }) => Promise<WrittenExport>;
  /** Lets an export count that was read back as it was written, if its sums close. */
  verifyExport: (input: { exportId: string }) => Promise<WrittenExport>;
  /** Deletes what the verified backup holds, unchanged since its snapshot. */
  deleteBackedUpUsers: (input: JobInput & { exportId: string }) => Promise<{ deleted: number }>;
  /** Says of every user of the pass who was not deleted what became of them. */
  settlePass: (
    input: JobInput & { pass: number; isLast: boolean; deleted: number },
  ) => Promise<PassResult>;
  /** Hashes the parts of the backup that a restore takes from. */
  verifyBackup: (input: JobInput) => Promise<void>;
  /** Puts back whom the backup's deletion deleted by it, and who is not there. */
  restoreBackedUpUsers: (input: JobInput) => Promise<{ restored: number }>;
  /** Reads the file of an import whole and checks each line; writes no user. */
  checkImportFile: (input: JobInput) => Promise<{ lines: number }>;
  /** Imports the lines that can be, chunk by chunk in the order of the file. */
  importUsers: (input: JobInput) => Promise<Pick<ImportCounts, 'imported' | 'merged'>>;
  /** Stores a job's final state, once; a second call answers what the first stored. */
  finishJob: (input: JobInput & { end: JobEnd }) => Promise<JobResult>;
  /** Mails the job's starter; once per job, however often it is called. */
  notifyJob: (input: JobInput & { end: JobEnd }) => Promise<void>;
  /** The same once more, as somebody has asked; once a round. The job has ended. */
  notifyJobAgain: (input: JobInput & { round: number }) => Promise<void>;
  startQueuedJobs: () => Promise<{ started: number; ended: number }>;
  /** Makes this run of the request's own workflow the one that decides. */
  claimRequest: (input: { requestId: string }) => Promise<RequestView>;
  /** The one way to move a request on. What was decided before is answered, not decided again. */
  decideRequest: (input: Decide) => Promise<RequestView>;
  /** Decides what the API has written down, one row after another; revocations come first. */
  decideWritten: (input: DecideWritten) => Promise<RequestView>;
  /** Mails everyone who is to hear of it; each once a round, however often it is called. */
  notifyRequest: (input: {
    requestId: string;
    kind: RequestNotice;
    /** 1 when not given; further ones are asked for by people. */
    round?: number;
  }) => Promise<void>;
  /** Removes what has expired, destroys what is removed, and erases what nobody needs any more. */
  destroyExpiredExports: () => Promise<DestroyedResult>;
  /** Sends a webhook once; throws what is to be tried again. */
  attemptDelivery: (input: DeliveryInput) => Promise<DeliveryState>;
  /** Ends a delivery that nobody took; one that has ended answers how. */
  giveUpDelivery: (input: DeliveryInput) => Promise<DeliveryState>;
  /** Hashes the files of backups that were not looked at for a day, and reports damage. */
  scrubBackups: () => Promise<ScrubResult>;
}

/** How many backups one round of `ScrubBackups` found to be what. */
export interface ScrubResult {
  whole: number;
  damaged: number;
  /** Damaged before, and whole again. */
  repaired: number;
}

/** What one round of `DestroyExpired` has done. */
export interface DestroyedResult {
  /** Exports and imported files that are removed from now on. */
  removed: number;
  /** Removed ones without files and traces now; those of the last two days again each time. */
  destroyed: number;
  /** Attempts of living exports whose files were of no use, and uploads that no job came of. */
  leftovers: number;
  /** Jobs without a file, and previews, whose users are erased. */
  jobs: number;
  previews: number;
  /** What was told to webhooks a month ago. */
  deliveries: number;
  /** Lists of users that have expired. */
  lists: number;
}

/** How a story ended: told through, broken off by an admin, or failed for a reason. */
export type JobEnd =
  | { kind: 'completed' }
  | { kind: 'cancelled' }
  | { kind: 'failed'; type: string; message: string };

/** What a request to delete every user of a workspace may be in; the first three are unfinished. */
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

/** Whether something may still run in the window of a request that is in this state. */
export const isUsable = (state: RequestState): boolean =>
  state === 'open' || state === 'failed' || state === 'completedWithFailures';

/** What people send to a request's workflow, as signals; from the API, Temporal's UI or its CLI. */
export const MESSAGE_KINDS = ['approve', 'deny', 'revoke', 'withdraw', 'run', 'retry'] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** Whether a message ends something: such a one is dealt with before others that wait. */
export const isUrgent = ({ kind }: { kind: string }): boolean =>
  kind === 'revoke' || kind === 'withdraw';

/** What moves a request on: a message, the clock, the end of a run, or an operator who stops it. */
export const DECISION_KINDS = [
  ...MESSAGE_KINDS,
  'lapse',
  'expire',
  'finish',
  'stop',
  /** A signal of a name that no request knows. */
  'unknown',
] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** Why a decision was refused. */
export type Refusal =
  | 'malformed'
  | 'decisionMismatch'
  /** The message does not show whose it is, or messages of its kind are switched off. */
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
  /** Nobody decided in time, and the caller was told so. */
  | 'unanswered';

export const DELETE_ALL_TYPE = 'DeleteAllUsers';
/** The same request always has the same workflow id, so a second start finds the first. */
export const requestWorkflowIdOf = (requestId: string): string => `delete-all/${requestId}`;

/** Tells a workflow to look at its request's row again, as after a reset. */
export const LOOK_SIGNAL = 'look';

/** When people are reminded, in milliseconds. What decides stands in the database. */
export interface DeleteAllTimes {
  /** Silence after which the platform team is reminded. */
  remindAfterMs: number;
  /** So long before the window closes its admins are reminded. */
  closingRemindersMs: readonly number[];
}

export interface DeleteAllInput {
  requestId: string;
  times: DeleteAllTimes;
  /** Messages that an earlier run of this workflow has left to this one. */
  unread?: Message[];
}

/**
 * A message as far as it could be read; `decisionId` names the row of the API that holds its words.
 */
export type Message =
  | { kind: 'look' }
  | { kind: MessageKind; malformed: true }
  | { kind: 'unknown'; reason: string }
  | { kind: MessageKind; decisionId: string }
  | { kind: MessageKind; code?: string; reason?: string };

/** A try to move a request on. */
export interface Decide {
  requestId: string;
  kind: DecisionKind;
  /** The workflow's own id of this try. */
  id: string;
  /** The row that the API wrote. */
  decisionId?: string;
  /** Shows whose message it is, where no row does. */
  code?: string;
  reason?: string;
  /** The message could not be read. */
  malformed?: true;
}

/** Rows that the API wrote and named in messages. */
export interface DecideWritten {
  requestId: string;
  rows: { id: string; kind: MessageKind }[];
  /** More were named than are kept: those written just now are looked up. */
  more: boolean;
}

/** A request as its row stands after a decision. */
export interface RequestView {
  workspaceId: string;
  state: RequestState;
  askedAt: number;
  lapsesAt: number;
  closesAt: number | null;
  jobId: string | null;
  /** Why the decision asked for was refused. */
  refusal?: Refusal;
  /** What was tried last, where several were. */
  tried?: DecisionKind;
}

/** What people are mailed about a request: how it stands, and reminders. */
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

/** What people hear when a request comes to be in a state; of a run they hear when it ends. */
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

/** What the `state` query of a request answers; null before it is claimed. */
export type LiveRequest = RequestView | null;
