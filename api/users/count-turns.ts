export interface CountLimits {
  /** Counts of all workspaces at a time. */
  all: number;
  /** Counts of one workspace at a time. */
  each: number;
  /** Counts that may wait for their turn. */
  maxWaiting: number;
}

/**
 * Waits for the turn of a workspace, first come, first served among the workspaces that may count.
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

export const createCountTurns = ({ all, each, maxWaiting }: CountLimits): TakeCountTurn => {
  const running = new Map<string, number>();
  const waiting: Waiter[] = [];
  let total = 0;

  const isFree = (workspaceId: string): boolean =>
    total < all && (running.get(workspaceId) ?? 0) < each;
  const add = (workspaceId: string, change: 1 | -1): void => {
    const now = (running.get(workspaceId) ?? 0) + change;
    total += change;
    if (now === 0) running.delete(workspaceId);
    else running.set(workspaceId, now);
  };
  const admitNext = (): void => {
    const index = waiting.findIndex(({ workspaceId }) => isFree(workspaceId));
    const [next] = index === -1 ? [] : waiting.splice(index, 1);
    if (next === undefined) return;
    add(next.workspaceId, 1);
    next.go(true);
  };
  const wait = (workspaceId: string, signal: AbortSignal): Promise<boolean> =>
    new Promise((resolve) => {
      const leave = (): void => {
        waiting.splice(waiting.indexOf(waiter), 1);
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
    else if (waiting.length >= maxWaiting) return undefined;
    else if (!(await wait(workspaceId, signal))) return undefined;
    return () => {
      add(workspaceId, -1);
      admitNext();
    };
  };
};
