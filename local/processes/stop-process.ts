import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from './process-identity.ts';

/** One step of stopping: a signal, and how long it may take before the next step. */
export interface StopStep {
  signal: NodeJS.Signals;
  waitMs: number;
  /** The whole process group, not only its leader. */
  isForGroup?: boolean;
}

/** How a Keepsake process or Temporal is stopped. */
export const TERMINATE: StopStep[] = [
  { signal: 'SIGTERM', waitMs: 15_000 },
  { signal: 'SIGKILL', waitMs: 5_000, isForGroup: true },
];

/** PostgreSQL: a fast shutdown, then an immediate one, which the next start recovers from. */
export const SHUT_DOWN_POSTGRES: StopStep[] = [
  { signal: 'SIGINT', waitMs: 20_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000, isForGroup: true },
];

/** A Keepsake process or Temporal whose data nobody needs any more. */
export const KILL: StopStep[] = [{ signal: 'SIGKILL', waitMs: 5_000, isForGroup: true }];

/** PostgreSQL, likewise: at SIGQUIT it takes its children along and frees its shared memory. */
export const QUIT_POSTGRES: StopStep[] = SHUT_DOWN_POSTGRES.slice(1);

const POLL_MS = 20;

/**
 * Sends a signal to a process, or with a negative pid to a group. A process that is gone is fine.
 */
export const sendSignal = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // macOS says EPERM of a group that holds only zombies.
    if (code !== 'ESRCH' && !(code === 'EPERM' && pid < 0)) throw error;
  }
};

/** Resolves when the process is gone, false when it still lives after `waitMs`. */
export const waitForEnd = async (target: ProcessIdentity, waitMs: number): Promise<boolean> => {
  const deadline = Date.now() + waitMs;
  while (isAlive(target)) {
    if (Date.now() >= deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
};

/** @throws Error when the process outlives every step */
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
