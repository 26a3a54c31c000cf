/**
 * The contract between workflows, activities, API and worker about requests to delete every user of
 * a workspace.
 */

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
