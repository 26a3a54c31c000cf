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
  STATE_QUERY,
  type Decide,
  type DeleteAllInput,
  type DeleteAllTimes,
  type LiveRequest,
  type RequestNotice,
  type RequestState,
  type RequestView,
} from './contract.ts';
import { startRun, type Run } from './follow-run.ts';
import { openInbox, type Inbox, type Turn } from './request-inbox.ts';
import { showRequest } from './show-request.ts';
import { claimRequest, decideRequest, decideWritten, notifyRequest } from './steps.ts';

/** How soon a run whose workflow is over is looked at again, if its job has not ended. */
const LOOK_AGAIN_MS = 60_000;
/** How soon a deadline is asked for again that the database's clock has not reached. */
const CLOCKS_DIFFER_MS = 2_000;
/**
 * Events up to which a history may grow while mails are under way; the server ends it at 51,200.
 */
const MAX_HISTORY_EVENTS = 30_000;
/** Requests that began before this version keep every message, and end with their run. */
const BOUNDED = 'bounded-inbox';
/** Type of the failure of a step that another run may take. */
const NOT_OURS = 'requestNotYours';

const stateQuery = defineQuery<LiveRequest>(STATE_QUERY);

interface Reminder {
  at: number;
  notice: RequestNotice;
}

/** A request as its story tells it. */
export interface RequestTeller {
  view: () => RequestView;
  /**
   * Deals with one message, reminder or the end, whichever comes first. Reminders past are left
   * out; an end without a kind decides nothing.
   */
  listen: (
    reminders: readonly Reminder[],
    end: { at: number; kind?: 'lapse' | 'expire' },
  ) => Promise<void>;
  /** True of a request that ended, as long as a retry may run in its window. */
  isRetryable: () => boolean;
  /** Deals with one message, or with the end of the run. */
  follow: (jobId: string) => Promise<void>;
}

/** What all that is told of one request shares. */
interface Telling {
  requestId: string;
  times: DeleteAllTimes;
  inbox: Inbox;
  isBounded: boolean;
  view: RequestView;
  /** How many mails are under way. */
  mails: { count: number };
  /** Reminders up to here are over. */
  heardAt: number;
  run?: Run;
}

/** Mails keep nobody waiting: they are sent beside the story, and waited for at its end. */
const mail = (telling: Telling, kind: RequestNotice | undefined): void => {
  if (kind === undefined) return;
  const { requestId, mails } = telling;
  mails.count += 1;
  const send = () => notifyRequest({ requestId, kind });
  void CancellationScope.nonCancellable(send)
    .catch(() => log.warn('not everyone was mailed', { kind }))
    .finally(() => {
      mails.count -= 1;
    });
};

/** Takes over how the request stands now, and tells those who are to hear of it. */
const update = (telling: Telling, view: RequestView, tried: string): void => {
  const isNews = view.state !== telling.view.state;
  telling.view = view;
  const refused = view.refusal && `${view.tried ?? tried}: ${view.refusal}`;
  showRequest(view, { refused, dropped: telling.inbox.dropped() });
  if (isNews) mail(telling, noticeOf(view.state));
};

const isNotOurs = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  error.cause instanceof ApplicationFailure &&
  error.cause.type === NOT_OURS;

/**
 * Takes a step that only the run which has claimed the request may take. After a reset to a point
 * behind its claim, this run has not: it claims the request then, and tries once more.
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
    // Nobody claims a request that has ended.
    if (isNotOurs(error)) return view;
    throw error;
  }
};

const decide = async (
  telling: Telling,
  what: Pick<Decide, 'kind' | 'decisionId' | 'code' | 'reason' | 'malformed'>,
): Promise<void> => {
  const { requestId } = telling;
  const asked = { ...what, requestId, id: uuid4() };
  update(telling, await asClaimed(requestId, () => decideRequest(asked)), what.kind);
};

/**
 * A message that nobody can deal with is dropped, and stops no other. No database error is a
 * reason: the steps of a request are tried again until the database takes them.
 */
const answer = async (telling: Telling, turn: Turn): Promise<void> => {
  const { requestId } = telling;
  try {
    if (turn.kind === 'look') update(telling, await claimRequest({ requestId }), 'look');
    else if (turn.kind !== 'rows') await decide(telling, turn);
    else {
      const { rows, more } = turn;
      const written = () => decideWritten({ requestId, rows, more });
      update(telling, await asClaimed(requestId, written), 'message');
    }
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.error('a message was dropped', { kind: turn.kind });
  }
};

/** True when a message came, and was dealt with, before the time was over. */
const heard = async (telling: Telling, isOver: () => boolean, ms: number): Promise<boolean> => {
  const { inbox } = telling;
  const summary = 'the next reminder, or the end of the wait';
  await condition(() => !inbox.isEmpty() || isOver(), Math.max(ms, 1), { summary });
  const turn = inbox.next();
  if (turn !== undefined) await answer(telling, turn);
  return turn !== undefined;
};

/**
 * Goes on in a new run before the server ends one whose history is too long, as after a flood of
 * messages. What waits is handed on; reminders that were sent are not sent again.
 */
const goOnAnew = async ({ requestId, times, inbox, mails, isBounded }: Telling): Promise<void> => {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  const isFull = historyLength > MAX_HISTORY_EVENTS;
  if (!isBounded || !(isFull || (continueAsNewSuggested && mails.count === 0))) return;
  await continueAsNew<(input: DeleteAllInput) => Promise<RequestState>>({
    requestId,
    times,
    unread: inbox.unread(),
  });
};

const never = () => false;

const tellerOf = (telling: Telling): RequestTeller => ({
  view: () => telling.view,
  isRetryable: () => {
    const { state, closesAt } = telling.view;
    const isLeft = state === 'failed' || state === 'completedWithFailures';
    return telling.isBounded && isLeft && closesAt !== null && closesAt > Date.now();
  },
  listen: async (reminders, end) => {
    await goOnAnew(telling);
    const open = reminders.filter(({ at }) => at > telling.heardAt && at < end.at);
    const next = Math.min(end.at, ...open.map(({ at }) => at));
    if (await heard(telling, never, next - Date.now())) return;
    const now = Date.now();
    if (now >= end.at) {
      if (end.kind === undefined) return;
      await decide(telling, { kind: end.kind });
      if (telling.view.refusal === 'tooEarly') await heard(telling, never, CLOCKS_DIFFER_MS);
      return;
    }
    // Of several that are due at once, as after a long standstill, the last one says it.
    const due = open.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at);
    telling.heardAt = now;
    mail(telling, due.at(-1)?.notice);
  },
  follow: async (jobId) => {
    await goOnAnew(telling);
    if (telling.run?.jobId !== jobId) {
      telling.run = startRun(jobId, telling.view.workspaceId);
    }
    const { run } = telling;
    if (await heard(telling, () => run.isOver, LOOK_AGAIN_MS)) return;
    if (!run.isOver) return;
    await decide(telling, { kind: 'finish' });
    if (telling.view.state === 'running') await heard(telling, never, LOOK_AGAIN_MS);
  },
});

/** An operator cancelled the workflow: nothing more is waited for but a run that is under way. */
const stopRequest = async (telling: Telling): Promise<void> => {
  const teller = tellerOf(telling);
  while (isUnfinished(telling.view.state)) {
    const { state, jobId } = telling.view;
    if (state === 'running' && jobId !== null) await teller.follow(jobId);
    else await decide(telling, { kind: 'stop' });
  }
};

/** Those who write to a request that has ended are answered, for as long as mails are under way. */
const endRequest = async (telling: Telling): Promise<RequestState> => {
  const { inbox, mails } = telling;
  for (;;) {
    await condition(() => mails.count === 0 || !inbox.isEmpty());
    const turn = inbox.next();
    if (turn === undefined) return telling.view.state;
    await answer(telling, turn);
  }
};

/**
 * Claims a request, tells its story to the end, and waits until all are mailed. One that has ended
 * before, as after a reset, ends at once.
 */
export const tellRequest = async (
  { requestId, times, unread = [] }: DeleteAllInput,
  story: (request: RequestTeller) => Promise<void>,
): Promise<RequestState> => {
  const isBounded = patched(BOUNDED);
  const inbox = openInbox(unread, isBounded);
  const state: { telling?: Telling } = {};
  setHandler(stateQuery, () => state.telling?.view ?? null, {
    description: 'The state of the request, and what it waits for',
  });
  // Cancelled meanwhile, it has to be claimed all the same, or its end could not be stored.
  const view = await CancellationScope.nonCancellable(() => claimRequest({ requestId }));
  const heardAt = Date.now();
  const telling: Telling = {
    requestId,
    times,
    inbox,
    isBounded,
    view,
    mails: { count: 0 },
    heardAt,
  };
  state.telling = telling;
  showRequest(view);
  mail(telling, noticeOf(view.state));
  try {
    await story(tellerOf(telling));
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => stopRequest(telling));
  }
  return CancellationScope.nonCancellable(() => endRequest(telling));
};
