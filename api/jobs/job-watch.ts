import { outsideRequests } from '../request-owner.ts';

/** Time between two reads of a job: fast enough for a progress bar, and cheap. */
export const POLL_MS = 500;

interface Watch<Facts> {
  listeners: Set<(facts: Facts) => void>;
  timer: NodeJS.Timeout | undefined;
}

/** Reads jobs for all their watchers. */
export interface JobWatch<Facts> {
  /** Sends each read to the listener, until the returned function is called. */
  add: (jobId: string, listener: (facts: Facts) => void) => () => void;
}

/**
 * Reads each watched job once for all its listeners. A failed read, as without PostgreSQL, sends
 * nothing; the next read follows as usual.
 */
export const createJobWatch = <Facts>(
  read: (jobId: string) => Promise<Facts | undefined>,
): JobWatch<Facts> => {
  const watches = new Map<string, Watch<Facts>>();

  const look = async (jobId: string, watch: Watch<Facts>): Promise<void> => {
    // A listener that joins during a read has just read a newer state itself.
    const audience = [...watch.listeners];
    const facts = await read(jobId).catch(() => undefined);
    for (const listener of audience) {
      if (facts !== undefined && watch.listeners.has(listener)) listener(facts);
    }
    if (watch.listeners.size > 0) lookLater(jobId, watch);
  };
  const lookLater = (jobId: string, watch: Watch<Facts>): void => {
    // A read serves all watchers, so it must not count for the first of them.
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
