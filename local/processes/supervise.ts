import type { ChildProcess } from 'node:child_process';
import { identify, type ProcessIdentity } from './process-identity.ts';
import { sendSignal, stopProcess, type StopStep } from './stop-process.ts';

const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 10_000;
/** After a process has lived this long, the backoff begins again. */
const STEADY_MS = 30_000;

export interface SuperviseOptions {
  name: string;
  /**
   * Starts the process in its own process group, because Ctrl-C in the terminal is only for the
   * supervisor.
   */
  spawn: () => ChildProcess;
  stopSteps: StopStep[];
  /** Called after each start, including the first. */
  onStart?: ((pid: number) => void) | undefined;
  /** Called after each restart. */
  onRestart?: ((pid: number) => void) | undefined;
  log: (line: string) => void;
}

/** A process that is restarted whenever it ends unexpectedly, until it is stopped. */
export interface Supervised {
  name: string;
  /** Undefined between an end and the next start. */
  pid: () => number | undefined;
  /** How often it ended unexpectedly. */
  deathCount: () => number;
  stop: () => Promise<void>;
}

export const supervise = (options: SuperviseOptions): Supervised => {
  const { name, stopSteps, log } = options;
  let current: ProcessIdentity | undefined;
  let timer: NodeJS.Timeout | undefined;
  let deathCount = 0;
  let deathsInARow = 0;
  let stopping: Promise<void> | undefined;

  const start = (isFirst: boolean): void => {
    const startedAt = Date.now();
    const child = options.spawn();
    current = child.pid === undefined ? undefined : identify(child.pid);
    const onEnd = (how: string) => {
      // Its own children must not outlive it.
      if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
      current = undefined;
      if (stopping !== undefined) return;
      deathCount += 1;
      deathsInARow = Date.now() - startedAt >= STEADY_MS ? 1 : deathsInARow + 1;
      const delay = backoffMs(deathsInARow);
      log(`${name} ended (${how}); restart in ${delay / 1000} s`);
      timer = setTimeout(() => start(false), delay);
    };
    child.once('exit', (code, signal) => onEnd(signal ?? `exit code ${code}`));
    child.once('error', (error) => {
      if (child.pid === undefined) onEnd(error.message);
    });
    if (child.pid === undefined) return;
    options.onStart?.(child.pid);
    if (!isFirst) options.onRestart?.(child.pid);
  };

  start(true);
  return {
    name,
    pid: () => current?.pid,
    deathCount: () => deathCount,
    stop: () => {
      clearTimeout(timer);
      stopping ??=
        current === undefined ? Promise.resolve() : stopProcess(name, current, stopSteps);
      return stopping;
    },
  };
};

const backoffMs = (deathsInARow: number): number =>
  Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (deathsInARow - 1));
