import { outsideRequests } from '../request-owner.ts';

/** Between two looks at a job: quick enough for a progress bar, and cheap, however many watch. */
export const POLL_MS = 500;

interface Watch<Facts> {
  listeners: Set<(facts: Facts) => void>;
  timer: NodeJS.Timeout | undefined;
}

/** Looks at jobs for those who watch them. */
export interface JobWatch<Facts> {
  /** Tells the listener of each look from now on, until the answer is called. */
  add: (jobId: string, listener: (facts: Facts) => void) => () => void;
}

/**
 * Reads each watched job once for all its listeners. A look that fails, as while PostgreSQL is
 * away, tells nobody anything; the next comes as usual.
 */
export const createJobWatch = <Facts>(
  read: (jobId: string) => Promise<Facts | undefined>,
): JobWatch<Facts> => {
  const watches = new Map<string, Watch<Facts>>();

  const look = async (jobId: string, watch: Watch<Facts>): Promise<void> => {
    // Who joins while the answer is under way has just read a newer state.
    const audience = [...watch.listeners];
    const facts = await read(jobId).catch(() => undefined);
    for (const listener of audience) {
      if (facts !== undefined && watch.listeners.has(listener)) listener(facts);
    }
    if (watch.listeners.size > 0) lookLater(jobId, watch);
  };
  const lookLater = (jobId: string, watch: Watch<Facts>): void => {
    // One look is for all who watch, so it takes nothing of the share of who came first.
    watch.timer = outsideRequests(() => setTimeout(() => void look(jobId, watch), POLL_MS));
  };

  return {
    add: (jobId, listener) => {
      let watch = watches.get(jobId);
      if (watch === undefined) {
        watch = { listeners: new Set(), timer: undefined };
        watches.set(jobId, watch);
        lookLater(jobId, watch);
      }
      const { listeners } = watch;
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0 || watches.get(jobId) !== watch) return;
        clearTimeout(watch?.timer);
        watches.delete(jobId);
      };
    },
  };
};
