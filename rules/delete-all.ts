import { isUnfinished, type RequestState } from '../workflows/contracts/delete-all.ts';

/**
 * Early answers about a request to delete all users. The database decides, by the same rules
 * (`decide_request`); a test compares the two.
 */

/** A request's state, and whether its window has not closed yet by the database's clock. */
interface Request {
  state: RequestState;
  is_in_window: boolean;
}

/** A request that waits for an answer. */
interface Asked {
  state: RequestState;
  /** Whether the time for an answer has passed, by the database's clock. */
  is_too_late: boolean;
  requester_person: string;
}

/** Why a reader may not approve or deny a request now. */
export const DECIDER_REFUSALS = ['wrongRole', 'wrongState', 'selfApproval', 'tooLate'] as const;

/** The reason why a reader may not approve or deny a request now; null if it may. */
export const refuseDecider = (
  { state, is_too_late, requester_person }: Asked,
  { role, person }: { role: string; person: string },
): (typeof DECIDER_REFUSALS)[number] | null => {
  if (role !== 'platform') return 'wrongRole';
  if (state !== 'requested') return 'wrongState';
  if (requester_person === person) return 'selfApproval';
  return is_too_late ? 'tooLate' : null;
};

/** Whether the window is open: a run may be started. */
export const isWindowOpen = ({ state, is_in_window }: Request): boolean =>
  state === 'open' && is_in_window;

/**
 * Whether no decision can change a request any more. A request that has ended may still be usable:
 * its window has not closed, and its run has left users to retry.
 */
export const isOver = ({ state, is_in_window }: Request): boolean =>
  !isUnfinished(state) && !(isUsable(state) && is_in_window);

/** Whether a run can still be started or retried in the window of a request in this state. */
export const isUsable = (state: RequestState): boolean =>
  state === 'open' || state === 'failed' || state === 'completedWithFailures';
