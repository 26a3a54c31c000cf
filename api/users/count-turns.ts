export interface CountLimits {
  /** Counts of all workspaces at a time. */
  all: number;
  /** Counts of one workspace at a time. */
  each: number;
  /** Counts that may wait for their turn. */
  maxWaiting: number;
  /** Counts of one workspace that may wait. */
  maxWaitingOfEach: number;
}

/**
 * Waits for the turn of a workspace. Workspaces take turns: the next is the one whose last turn was
 * the longest ago.
 *
 * @returns the function that ends the turn; undefined if `signal` is aborted first, or too many
 *   wait already
 */
export type TakeCountTurn = (
  workspaceId: string,
  signal: AbortSignal,
) => Promise<(() => void) | undefined>;

interface Waiter {
  workspaceId: string;
  go: (isMine: boolean) => void;
}

export const createCountTurns = (limits: CountLimits): TakeCountTurn => {
  const running = new Map<string, number>();
  /** In the order of their turns. */
  let waiting: Waiter[] = [];
  let total = 0;

  const isFree = (workspaceId: string): boolean =>
    total < limits.all && (running.get(workspaceId) ?? 0) < limits.each;
  const hasRoom = (workspaceId: string): boolean =>
    waiting.length < limits.maxWaiting &&
    waiting.filter((waiter) => waiter.workspaceId === workspaceId).length < limits.maxWaitingOfEach;
  const add = (workspaceId: string, change: 1 | -1): void => {
    const now = (running.get(workspaceId) ?? 0) + change;
    total += change;
    if (now === 0) running.delete(workspaceId);
    else running.set(workspaceId, now);
  };
  const admitNext = (): void => {
    const next = waiting.find(({ workspaceId }) => isFree(workspaceId));
    if (next === undefined) return;
    const others = waiting.filter((waiter) => waiter !== next);
    const isSame = ({ workspaceId }: Waiter) => workspaceId === next.workspaceId;
    waiting = [...others.filter((waiter) => !isSame(waiter)), ...others.filter(isSame)];
    add(next.workspaceId, 1);
    next.go(true);
  };
  const wait = (workspaceId: string, signal: AbortSignal): Promise<boolean> =>
    new Promise((resolve) => {
      const leave = (): void => {
        waiting = waiting.filter((other) => other !== waiter);
        resolve(false);
      };
      const waiter: Waiter = {
        workspaceId,
        go: (isMine) => {
          signal.removeEventListener('abort', leave);
          resolve(isMine);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      waiting.push(waiter);
    });

  return async (workspaceId, signal) => {
    if (signal.aborted) return undefined;
    if (isFree(workspaceId)) add(workspaceId, 1);
    else if (!hasRoom(workspaceId)) return undefined;
    else if (!(await wait(workspaceId, signal))) return undefined;
    return () => {
      add(workspaceId, -1);
      admitNext();
    };
  };
};
