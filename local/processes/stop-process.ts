import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from './process-identity.ts';

/** One step of stopping: a signal, and the longest wait before the next step, in milliseconds. */
export interface StopStep {
  signal: NodeJS.Signals;
  waitMs: number;
  /** Sends the signal to the whole process group, not only to its leader. */
  isForGroup?: boolean;
}

/** Stops a Keepsake process or Temporal. */
export const TERMINATE: StopStep[] = [
  { signal: 'SIGTERM', waitMs: 15_000 },
  { signal: 'SIGKILL', waitMs: 5_000, isForGroup: true },
];

/**
 * Stops PostgreSQL: a fast shutdown, then an immediate one, after which the next start recovers.
 */
export const SHUT_DOWN_POSTGRES: StopStep[] = [
  { signal: 'SIGINT', waitMs: 20_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000, isForGroup: true },
];

/** Stops a Keepsake process or Temporal whose data is not needed any more. */
export const KILL: StopStep[] = [{ signal: 'SIGKILL', waitMs: 5_000, isForGroup: true }];

/**
 * Stops PostgreSQL in the same way. At SIGQUIT it stops its children and frees its shared memory.
 */
export const QUIT_POSTGRES: StopStep[] = SHUT_DOWN_POSTGRES.slice(1);

const POLL_MS = 20;

/**
 * Sends a signal to a process, or with a negative pid to a group. A missing process is not an
 * error.
 */
export const sendSignal = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // macOS reports EPERM for a group that holds only zombies.
    if (code !== 'ESRCH' && !(code === 'EPERM' && pid < 0)) throw error;
  }
};

/** Waits for the end of a process. Resolves to false if it still runs after `waitMs`. */
export const waitForEnd = async (target: ProcessIdentity, waitMs: number): Promise<boolean> => {
  const deadline = Date.now() + waitMs;
  while (isAlive(target)) {
    if (Date.now() >= deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
};

/** Stops a process step by step. @throws Error when it still runs after the last step */
export const stopProcess = async (
  name: string,
  target: ProcessIdentity,
  steps: StopStep[],
): Promise<void> => {
  for (const { signal, waitMs, isForGroup } of steps) {
    if (!isAlive(target)) break;
    sendSignal(isForGroup === true ? -target.pid : target.pid, signal);
    await waitForEnd(target, waitMs);
  }
  if (isAlive(target)) throw new Error(`${name} (process ${target.pid}) could not be stopped.`);
};
