import {
  CancellationScope,
  condition,
  defineQuery,
  isCancellation,
  log,
  setHandler,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import {
  isUnfinished,
  noticeOf,
  STATE_QUERY,
  type Decide,
  type DeleteAllTimes,
  type LiveRequest,
  type RequestNotice,
  type RequestState,
  type RequestView,
} from './contract.ts';
import { startRun, type Run } from './follow-run.ts';
import { openInbox, type Message } from './request-inbox.ts';
import { showRequest } from './show-request.ts';
import { claimRequest, decideRequest, notifyRequest } from './steps.ts';

/** How soon a run whose workflow is over is looked at again, if its job has not ended. */
const LOOK_AGAIN_MS = 60_000;

const stateQuery = defineQuery<LiveRequest>(STATE_QUERY);

interface Reminder {
  at: number;
  notice: RequestNotice;
}

/** A request as its story tells it. */
export interface RequestTeller {
  view: () => RequestView;
  /** Deals with one message, reminder or the end, whichever comes first. Reminders past are left out. */
  listen: (
    reminders: readonly Reminder[],
    end: { at: number; kind: 'lapse' | 'expire' },
  ) => Promise<void>;
  /** Deals with one message, or with the end of the run. */
  follow: (jobId: string) => Promise<void>;
}

/** What all that is told of one request shares. */
interface Telling {
  requestId: string;
  times: DeleteAllTimes;
  inbox: Message[];
  view: RequestView;
  mails: Promise<void>[];
  /** Reminders up to here are over. */
  heardAt: number;
  run?: Run;
}

/** Mails keep nobody waiting: they are sent beside the story, and waited for at its end. */
const mail = (telling: Telling, kind: RequestNotice | undefined): void => {
  if (kind === undefined) return;
  const { requestId } = telling;
  const send = () => notifyRequest({ requestId, kind });
  const sent = CancellationScope.nonCancellable(send).catch(() =>
    log.warn('not everyone was mailed', { kind }),
  );
  telling.mails.push(sent);
};

/** Takes over how the request stands now, and tells those who are to hear of it. */
const update = (telling: Telling, view: RequestView, tried: string): void => {
  const isNews = view.state !== telling.view.state;
  telling.view = view;
  showRequest(view, view.refusal && `${tried}: ${view.refusal}`);
  if (isNews) mail(telling, noticeOf(view.state));
};

const decide = async (
  telling: Telling,
  what: Pick<Decide, 'kind' | 'decisionId' | 'by' | 'reason' | 'malformed'>,
): Promise<void> => {
  const { requestId, times } = telling;
  const view = await decideRequest({
    ...what,
    requestId,
    windowMs: times.windowMs,
    at: Date.now(),
    id: uuid4(),
  });
  update(telling, view, what.kind);
};

const claim = ({ requestId, times }: Pick<Telling, 'requestId' | 'times'>) =>
  claimRequest({
    requestId,
    runId: workflowInfo().runId,
    at: Date.now(),
    lapseMs: times.lapseMs,
  });

/**
 * A message that nobody can deal with is dropped, and stops no other. No database error is a reason: the
 * steps of a request are tried again until the database takes them.
 */
const answer = async (telling: Telling, message: Message): Promise<void> => {
  try {
    if (message.kind === 'look') update(telling, await claim(telling), 'look');
    else await decide(telling, message);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.error('a message was dropped', { kind: message.kind });
  }
};

/** True when a message came, and was dealt with, before the time was over. */
const heard = async (telling: Telling, isOver: () => boolean, ms: number): Promise<boolean> => {
  await condition(() => telling.inbox.length > 0 || isOver(), Math.max(ms, 1));
  const message = telling.inbox.shift();
  if (message !== undefined) await answer(telling, message);
  return message !== undefined;
};

const never = () => false;

const tellerOf = (telling: Telling): RequestTeller => ({
  view: () => telling.view,
  listen: async (reminders, end) => {
    const open = reminders.filter(({ at }) => at > telling.heardAt && at < end.at);
    const next = Math.min(end.at, ...open.map(({ at }) => at));
    if (await heard(telling, never, next - Date.now())) return;
    const now = Date.now();
    if (now >= end.at) return decide(telling, { kind: end.kind });
    // Of several that are due at once, as after a long standstill, the last one says it.
    const due = open.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at);
    telling.heardAt = now;
    mail(telling, due.at(-1)?.notice);
  },
  follow: async (jobId) => {
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
  const mailing = { isOver: false };
  void Promise.all(telling.mails).then(() => {
    mailing.isOver = true;
  });
  for (;;) {
    await condition(() => mailing.isOver || telling.inbox.length > 0);
    const message = telling.inbox.shift();
    if (message === undefined) return telling.view.state;
    await answer(telling, message);
  }
};

/**
 * Claims a request, tells its story to the end, and waits until all are mailed. One that has ended
 * before, as after a reset, ends at once.
 */
export const tellRequest = async (
  requestId: string,
  times: DeleteAllTimes,
  story: (request: RequestTeller) => Promise<void>,
): Promise<RequestState> => {
  const inbox = openInbox();
  const state: { telling?: Telling } = {};
  setHandler(stateQuery, () => state.telling?.view ?? null);
  // Cancelled meanwhile, it has to be claimed all the same, or its end could not be stored.
  const view = await CancellationScope.nonCancellable(() => claim({ requestId, times }));
  const telling: Telling = { requestId, times, inbox, view, mails: [], heardAt: Date.now() };
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
