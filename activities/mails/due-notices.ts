import type { Config } from '../../config.ts';
import type { Db } from '../../db/client.ts';
import { listStatesReached } from '../../db/delete-all/decisions.ts';
import {
  isUnfinished,
  noticeOf,
  type RequestNotice,
  type RequestState,
} from '../../workflows/contract.ts';

/** Hosts of a Temporal cluster have clocks of their own, which differ by less. */
const CLOCKS_DIFFER_MS = 60_000;

/** A request as its row stands. */
export interface NoticeFacts {
  id: string;
  state: RequestState;
  asked_at: Date;
  closes_at: Date | null;
}

/** Whether it is time for a reminder of the settings, and what it says is so. */
const isReminderDue = (
  { remindAfterMs, closingRemindersMs }: Config['deleteAllTimes'],
  { state, asked_at: askedAt, closes_at: closesAt }: NoticeFacts,
  kind: RequestNotice,
  now: number,
): boolean => {
  const isDue = (at: number): boolean => now >= at - CLOCKS_DIFFER_MS;
  if (kind === 'unanswered') {
    return state === 'requested' && isDue(askedAt.getTime() + remindAfterMs);
  }
  const leftMs = closingRemindersMs.find((ms) => kind === `closing/${ms}`);
  if (leftMs === undefined || state !== 'open' || closesAt === null) return false;
  return isDue(closesAt.getTime() - leftMs) && now < closesAt.getTime();
};

/**
 * Whether a request has come to what a mail tells. By its row and its decisions, whatever the
 * workflow says; also a while later, for a mail may have to wait for its provider. The mail about
 * an end tells of the last run, so it must have ended, too.
 *
 * @param now when Temporal has handed the step out, which is the time that reminders go by
 */
export const isNoticeDue = async (
  db: Db,
  { times, now }: { times: Config['deleteAllTimes']; now: number },
  request: NoticeFacts,
  kind: RequestNotice,
): Promise<boolean> => {
  if (kind === 'asked' || kind === noticeOf(request.state)) return true;
  if (kind === 'ended' && isUnfinished(request.state)) return false;
  if (isReminderDue(times, request, kind, now)) return true;
  const states = await listStatesReached(db, request.id);
  return states.some((state) => kind === noticeOf(state));
};
