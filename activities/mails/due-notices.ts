import type { Db } from '../../db/client.ts';
import { listStatesReached } from '../../db/delete-all/decisions.ts';
import {
  type DeleteAllTimes,
  isUnfinished,
  noticeOf,
  type RequestNotice,
  type RequestState,
} from '../../workflows/contracts/delete-all.ts';

/** The hosts of a Temporal cluster have their own clocks, which differ by less than this. */
const CLOCKS_DIFFER_MS = 60_000;

/** The facts of a request that decide about its mails. */
export interface NoticeFacts {
  id: string;
  state: RequestState;
  asked_at: Date;
  closes_at: Date | null;
  times: DeleteAllTimes;
}

/**
 * Whether the request has reached the state that a mail reports. The request's row and its
 * decisions say so, not the workflow. A mail stays due for a while, because it may have to wait for
 * the provider. The mail about an end is about the last run, so that run must have ended.
 *
 * @param now when Temporal scheduled the step, in milliseconds since 1970
 */
export const isNoticeDue = async (
  db: Db,
  now: number,
  request: NoticeFacts,
  kind: RequestNotice,
): Promise<boolean> => {
  if (kind === 'asked' || kind === noticeOf(request.state)) return true;
  if (kind === 'ended' && isUnfinished(request.state)) return false;
  if (isReminderDue(request, kind, now)) return true;
  const states = await listStatesReached(db, request.id);
  return states.some((state) => kind === noticeOf(state));
};

/** Whether a reminder is due, by the times and the state of the request's row. */
const isReminderDue = (
  { state, asked_at: askedAt, closes_at: closesAt, times }: NoticeFacts,
  kind: RequestNotice,
  now: number,
): boolean => {
  const { remindAfterMs, closingRemindersMs } = times;
  const isDue = (at: number): boolean => now >= at - CLOCKS_DIFFER_MS;
  if (kind === 'unanswered') {
    return state === 'requested' && isDue(askedAt.getTime() + remindAfterMs);
  }
  const leftMs = closingRemindersMs.find((ms) => kind === `closing/${ms}`);
  if (leftMs === undefined || state !== 'open' || closesAt === null) return false;
  return isDue(closesAt.getTime() - leftMs) && now < closesAt.getTime();
};
