import { Readable } from 'node:stream';
import { HEARTBEAT, type JobEvent, PREAMBLE } from './job-event.ts';

/** Proxies give up on a silent connection after 30 seconds or more. */
export const HEARTBEAT_MS = 15_000;

/** Age at which a stream ends and its reader connects again, with its key checked anew. */
export const MAX_AGE_MS = 10 * 60_000;

/** One reader's stream of the states of a job. */
export interface EventStream {
  readable: Readable;
  /** Tells of a state, unless the reader has seen it. */
  show: (event: JobEvent) => void;
  /** Ends it in good order, or at once when its reader takes nothing. */
  end: () => void;
}

/**
 * Opens a stream that ends after the last event of a job, at `MAX_AGE_MS`, or when its reader is
 * gone. A reader who is slow gets the latest state when it is ready for one: nothing is queued for
 * it.
 */
export const openEventStream = (
  lastSeenId: string | undefined,
  onClose: () => void,
): EventStream => {
  let seenId = lastSeenId;
  let latest: JobEvent | undefined;
  let isWanted = false;
  let isOver = false;

  const say = (text: string): void => {
    isWanted = false;
    readable.push(text);
  };
  const finish = (): void => {
    isOver = true;
    readable.push(null);
  };
  const tell = (): void => {
    if (!isWanted || isOver || latest === undefined) return;
    const { id, text, isLast } = latest;
    seenId = id;
    latest = undefined;
    say(text);
    if (isLast) finish();
  };
  const end = (): void => {
    if (isOver) return;
    if (readable.readableLength === 0) finish();
    else readable.destroy();
  };
  const heartbeat = setInterval(() => {
    if (isWanted && !isOver) say(HEARTBEAT);
  }, HEARTBEAT_MS);
  const age = setTimeout(end, MAX_AGE_MS);

  const readable = new Readable({
    // One byte is as good as any: a state is asked for only when the one before went out.
    highWaterMark: 1,
    read: () => {
      isWanted = true;
      tell();
    },
    destroy: (error, done) => {
      isOver = true;
      clearInterval(heartbeat);
      clearTimeout(age);
      onClose();
      done(error);
    },
  });
  readable.push(PREAMBLE);

  return {
    readable,
    end,
    show: (event) => {
      latest = event.id === seenId ? undefined : event;
      tell();
    },
  };
};
