import type { components } from './schema.d.ts';

type Job = components['schemas']['Job'];

/** The parts of an `EventSource` that a stream needs. */
export interface JobSource {
  addEventListener: (name: string, listen: (event: Message) => void) => void;
  close: () => void;
  readyState: number;
}

interface Message {
  data?: unknown;
}

/** The parts of a `BroadcastChannel` that a stream needs. */
export interface JobChannel {
  postMessage: (message: unknown) => void;
  addEventListener: (name: 'message', listen: (event: Message) => void) => void;
  close: () => void;
}

/** What ended a stream: the job has ended, the tab needs it no more, or it failed. */
export type StreamEnd = 'finished' | 'stopped' | 'failed';

/** The part of the `LockManager` that a stream needs. */
export interface JobLocks {
  request: (
    name: string,
    options: { signal: AbortSignal },
    run: () => Promise<StreamEnd>,
  ) => Promise<StreamEnd>;
}

export interface JobStreamDeps {
  /** Undefined on plain-http hosts, where a browser has no locks: no tab streams there. */
  locks: JobLocks | undefined;
  openSource: (path: string) => JobSource;
  openChannel: (name: string) => JobChannel;
}

export interface Follow {
  jobId: string;
  /** The key that is signed in: tabs of different people share nothing. */
  keyId: string;
  /** Whether this tab may hold the connection: it shows the job, and is visible. */
  mayHold: boolean;
  onJob: (job: Job) => void;
}

/** After so many failures in a row a tab polls, and lets another tab try. */
const MOST_FAILURES = 2;
/** The time after which a tab that gave up tries again. */
const PAUSE_MS = 30_000;
const CLOSED = 2;

/**
 * Follows a job by server-sent events, with one connection for the whole browser: a browser allows
 * six to a host, and ten tabs would use them up. The tab that holds the lock streams its job and
 * passes each state on to the other tabs. A tab hears only what is passed on while it waits for the
 * lock, so it must poll when it hears nothing.
 *
 * @returns a function that stops following
 */
export const followJob = (deps: JobStreamDeps, follow: Follow): (() => void) => {
  const { jobId, keyId, mayHold, onJob } = follow;
  const channel = deps.openChannel(`keepsake-jobs:${keyId}`);
  const stopped = new AbortController();
  channel.addEventListener('message', ({ data }) => {
    if (isJob(data) && data.id === jobId) onJob(data);
  });
  const pass = (job: Job): void => {
    onJob(job);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
    channel.postMessage(job);
  };
  if (mayHold && deps.locks !== undefined) {
    void hold(deps.locks, `keepsake-stream:${keyId}`, stopped.signal, () =>
      stream(deps.openSource(`/v1/jobs/${jobId}/events`), stopped.signal, pass),
    );
  }
  return () => {
    stopped.abort();
    channel.close();
  };
};

/** Streams while this tab has the lock; after failures it waits, then queues again. */
const hold = async (
  locks: JobLocks,
  name: string,
  signal: AbortSignal,
  run: () => Promise<StreamEnd>,
): Promise<void> => {
  while (!signal.aborted) {
    const end = await requestLock(locks, name, signal, run);
    if (end !== 'failed') return;
    await pause(signal);
  }
};

const requestLock = async (
  locks: JobLocks,
  name: string,
  signal: AbortSignal,
  run: () => Promise<StreamEnd>,
): Promise<StreamEnd> => {
  try {
    return await locks.request(name, { signal }, async () => (signal.aborted ? 'stopped' : run()));
  } catch (error) {
    // Aborted while it waited in the queue.
    if (signal.aborted) return 'stopped';
    throw error;
  }
};

/** Resolves once the stream has ended, and is closed. */
const stream = (
  source: JobSource,
  signal: AbortSignal,
  pass: (job: Job) => void,
): Promise<StreamEnd> =>
  new Promise((resolve) => {
    let failures = 0;
    const end = (how: StreamEnd): void => {
      source.close();
      resolve(how);
    };
    source.addEventListener('open', () => (failures = 0));
    source.addEventListener('progress', (event) => pass(jobOf(event)));
    source.addEventListener('finished', (event) => {
      pass(jobOf(event));
      end('finished');
    });
    source.addEventListener('error', () => {
      failures += 1;
      // The browser connects again by itself, except after a refusal.
      if (failures >= MOST_FAILURES || source.readyState === CLOSED) end('failed');
    });
    signal.addEventListener('abort', () => end('stopped'));
  });

const jobOf = ({ data }: Message): Job => JSON.parse(String(data)) as Job;

const pause = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, PAUSE_MS);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

const isJob = (message: unknown): message is Job =>
  typeof message === 'object' && message !== null && 'id' in message && 'state' in message;
