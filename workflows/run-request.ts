import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  isCancellation,
  log,
  patched,
  setHandler,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import {
  isUnfinished,
  noticeOf,
  type Decide,
  type DeleteAllInput,
  type LiveRequest,
  type RequestNotice,
  type RequestState,
  type RequestView,
} from './contracts/delete-all.ts';
import { STATE_QUERY } from './contracts/jobs.ts';
import { startRun, type Run } from './start-run.ts';
import { openInbox, type Inbox, type Turn } from './request-messages.ts';
import { showRequestDetails } from './request-details.ts';
import { claimRequest, decideRequest, decideWritten, notifyRequest } from './activity-proxies.ts';

/** When to check again a run whose workflow has ended and whose job has not, in milliseconds. */
const LOOK_AGAIN_MS = 60_000;
/** When to ask again for a deadline that the database's clock has not reached, in milliseconds. */
const CLOCKS_DIFFER_MS = 2_000;
/**
 * The length up to which a history may grow while mails are being sent, in events. The server
 * terminates a workflow at 51,200.
 */
const MAX_HISTORY_EVENTS = 30_000;
/** Requests that began before this patch keep every message, and end with their run. */
const BOUNDED = 'bounded-inbox';
/** The type of the failure of a step that only another workflow run may take. */
const NOT_OURS = 'requestNotYours';

const stateQuery = defineQuery<LiveRequest>(STATE_QUERY);

interface Reminder {
  at: number;
  notice: RequestNotice;
}

/** The functions that the body of a request's workflow uses. */
export interface RequestHandle {
  view: () => RequestView;
  /**
   * Handles one message, one reminder or the end, whichever comes first. Past reminders are
   * skipped. An end without a kind makes no decision.
   */
  listen: (
    reminders: readonly Reminder[],
    end: { at: number; kind?: 'lapse' | 'expire' },
  ) => Promise<void>;
  /** Whether the request has ended but a retry may still run in its window. */
  isRetryable: () => boolean;
  /** Handles one message, or the end of the run. */
  follow: (jobId: string) => Promise<void>;
}

/** The state that the functions of one request share. */
interface RequestContext {
  requestId: string;
  times: DeleteAllInput['times'];
  inbox: Inbox;
  isBounded: boolean;
  view: RequestView;
  /** The number of mails being sent. */
  mails: { count: number };
  /** Reminders up to this time are done, in milliseconds since 1970. */
  remindedUntil: number;
  run?: Run;
}

/**
 * Claims a request, runs its body, and waits until all mails are sent. A request that ended before,
 * as after a reset, ends at once.
 */
export const runRequest = async (
  { requestId, times, unread = [] }: DeleteAllInput,
  body: (request: RequestHandle) => Promise<void>,
): Promise<RequestState> => {
  const isBounded = patched(BOUNDED);
  const inbox = openInbox(unread, isBounded);
  const state: { context?: RequestContext } = {};
  setHandler(stateQuery, () => state.context?.view ?? null, {
    description: 'The state of the request, and what it waits for',
  });
  // A request cancelled before its claim must still be claimed. Otherwise its end could not be
  // stored.
  const view = await CancellationScope.nonCancellable(() => claimRequest({ requestId }));
  const remindedUntil = Date.now();
  const context: RequestContext = {
    requestId,
    times,
    inbox,
    isBounded,
    view,
    mails: { count: 0 },
    remindedUntil,
  };
  state.context = context;
  showRequestDetails(view);
  mail(context, noticeOf(view.state));
  try {
    await body(handleOf(context));
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => stopRequest(context));
  }
  return CancellationScope.nonCancellable(() => endRequest(context));
};

/**
 * Sends mails in the background, so that they delay nothing. The workflow waits for them at its
 * end.
 */
const mail = (context: RequestContext, kind: RequestNotice | undefined): void => {
  if (kind === undefined) return;
  const { requestId, mails } = context;
  mails.count += 1;
  const send = () => notifyRequest({ requestId, kind });
  void CancellationScope.nonCancellable(send)
    .catch(() => log.warn('not everyone was mailed', { kind }))
    .finally(() => {
      mails.count -= 1;
    });
};

const handleOf = (context: RequestContext): RequestHandle => ({
  view: () => context.view,
  isRetryable: () => {
    const { state, closesAt } = context.view;
    const isLeft = state === 'failed' || state === 'completedWithFailures';
    return context.isBounded && isLeft && closesAt !== null && closesAt > Date.now();
  },
  listen: async (reminders, end) => {
    await continueIfLong(context);
    const open = reminders.filter(({ at }) => at > context.remindedUntil && at < end.at);
    const next = Math.min(end.at, ...open.map(({ at }) => at));
    if (await handleNext(context, never, next - Date.now())) return;
    const now = Date.now();
    if (now >= end.at) {
      if (end.kind === undefined) return;
      await decide(context, { kind: end.kind });
      if (context.view.refusal === 'tooEarly') await handleNext(context, never, CLOCKS_DIFFER_MS);
      return;
    }
    // If several reminders are due at once, as after a long outage, only the last one is sent.
    const due = open.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at);
    context.remindedUntil = now;
    mail(context, due.at(-1)?.notice);
  },
  follow: async (jobId) => {
    await continueIfLong(context);
    if (context.run?.jobId !== jobId) {
      context.run = startRun(jobId, context.view.workspaceId);
    }
    const { run } = context;
    if (await handleNext(context, () => run.isOver, LOOK_AGAIN_MS)) return;
    if (!run.isOver) return;
    await decide(context, { kind: 'finish' });
    if (context.view.state === 'running') await handleNext(context, never, LOOK_AGAIN_MS);
  },
});

/**
 * Continues as new before the server terminates a workflow with too long a history, for example
 * after many messages. Waiting messages are passed on. Reminders that were sent are not sent again.
 */
const continueIfLong = async ({
  requestId,
  times,
  inbox,
  mails,
  isBounded,
}: RequestContext): Promise<void> => {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  const isFull = historyLength > MAX_HISTORY_EVENTS;
  if (!isBounded || !(isFull || (continueAsNewSuggested && mails.count === 0))) return;
  await continueAsNew<(input: DeleteAllInput) => Promise<RequestState>>({
    requestId,
    ...(times !== undefined && { times }),
    unread: inbox.unread(),
  });
};

/** Waits for a message and handles it. Returns false if none came in time. */
const handleNext = async (
  context: RequestContext,
  isOver: () => boolean,
  ms: number,
): Promise<boolean> => {
  const { inbox } = context;
  const summary = 'the next reminder, or the end of the wait';
  await condition(() => !inbox.isEmpty() || isOver(), Math.max(ms, 1), { summary });
  const turn = inbox.next();
  if (turn !== undefined) await answer(context, turn);
  return turn !== undefined;
};

/**
 * Handles a message. A message that cannot be handled is dropped, so that it blocks no other.
 * Database errors never cause this: the steps of a request are retried until the database accepts
 * them.
 */
const answer = async (context: RequestContext, turn: Turn): Promise<void> => {
  const { requestId } = context;
  try {
    if (turn.kind === 'look') update(context, await claimRequest({ requestId }), 'look');
    else if (turn.kind !== 'rows') await decide(context, turn);
    else {
      const { rows, more } = turn;
      const written = () => decideWritten({ requestId, rows, more });
      update(context, await asClaimed(requestId, written), 'message');
    }
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.error('a message was dropped', { kind: turn.kind });
  }
};

/**
 * Stores the request's new state, shows it in Temporal's UI, and mails about it if it has changed.
 */
const update = (context: RequestContext, view: RequestView, tried: string): void => {
  const isNews = view.state !== context.view.state;
  context.view = view;
  const refused = view.refusal && `${view.tried ?? tried}: ${view.refusal}`;
  showRequestDetails(view, { refused, dropped: context.inbox.dropped() });
  if (isNews) mail(context, noticeOf(view.state));
};

const decide = async (
  context: RequestContext,
  what: Pick<Decide, 'kind' | 'decisionId' | 'code' | 'reason' | 'malformed'>,
): Promise<void> => {
  const { requestId } = context;
  const asked = { ...what, requestId, id: uuid4() };
  update(context, await asClaimed(requestId, () => decideRequest(asked)), what.kind);
};

/**
 * Takes a step that is allowed only for the workflow run that claimed the request. A run that was
 * reset to a point after the claim has not claimed it: then this claims the request and tries once
 * more.
 */
const asClaimed = async (
  requestId: string,
  step: () => Promise<RequestView>,
): Promise<RequestView> => {
  try {
    return await step();
  } catch (error) {
    if (!isNotOurs(error)) throw error;
  }
  const view = await claimRequest({ requestId });
  try {
    return await step();
  } catch (error) {
    // A request that has ended cannot be claimed.
    if (isNotOurs(error)) return view;
    throw error;
  }
};

const isNotOurs = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  error.cause instanceof ApplicationFailure &&
  error.cause.type === NOT_OURS;

const never = () => false;

/** Handles a cancel by an operator: waits only for a run in progress, and stops the request. */
const stopRequest = async (context: RequestContext): Promise<void> => {
  const handle = handleOf(context);
  while (isUnfinished(context.view.state)) {
    const { state, jobId } = context.view;
    if (state === 'running' && jobId !== null) await handle.follow(jobId);
    else await decide(context, { kind: 'stop' });
  }
};

/** Keeps handling messages until all mails are sent. */
const endRequest = async (context: RequestContext): Promise<RequestState> => {
  const { inbox, mails } = context;
  for (;;) {
    await condition(() => mails.count === 0 || !inbox.isEmpty());
    const turn = inbox.next();
    if (turn === undefined) return context.view.state;
    await answer(context, turn);
  }
};
