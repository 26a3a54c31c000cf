import { Readable } from 'node:stream';
import { HEARTBEAT, type JobEvent, PREAMBLE } from './job-event.ts';

/** Proxies close an idle connection after 30 seconds or more. */
export const HEARTBEAT_MS = 15_000;

/** Age at which a stream ends. The client then connects again, and its key is checked again. */
export const MAX_AGE_MS = 10 * 60_000;

/** The stream of the states of a job to one client. */
export interface EventStream {
  readable: Readable;
  /** Sends a state, unless the client already has it. */
  show: (event: JobEvent) => void;
  /** Ends the stream properly, or at once if the client reads nothing. */
  end: () => void;
}

/**
 * Opens a stream that ends after the last event of a job, at `MAX_AGE_MS`, or when its client
 * disconnects. A slow client gets the latest state once it can read again: states are not queued.
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
  const send = (): void => {
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
    // A state is requested only after the previous state was sent.
    highWaterMark: 1,
    read: () => {
      isWanted = true;
      send();
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
      send();
    },
  };
};
