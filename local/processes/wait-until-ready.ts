import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Supervised } from './supervise.ts';

const POLL_MS = 50;
/** After so many deaths before it is ready, a process will not become ready. */
const DEATHS_BEFORE_GIVING_UP = 3;
const SHOWN_LOG_LINES = 15;
/** The wording of PostgreSQL and of programs written in Go. */
const ADDRESS_IN_USE = /address already in use/i;

export interface Awaited {
  name: string;
  /** Returns true when it is ready. Returns false or throws when it is not ready yet. */
  isReady: () => Promise<boolean>;
  deadlineMs: number;
  /** If one of these processes dies repeatedly, the wait ends. Each has its log. */
  processes: {
    process: Supervised;
    logFile: string;
    /** The log of this start. If it reports an address in use, the wait ends. */
    newLog?: () => string;
  }[];
  signal?: AbortSignal | undefined;
}

/**
 * Waits until a server is ready.
 *
 * @throws Error with the last log lines, when a process dies repeatedly or the deadline passes;
 *   with the code EADDRINUSE when a new log reports that
 */
export const waitUntilReady = async (awaited: Awaited): Promise<void> => {
  const { name, isReady, deadlineMs, processes, signal } = awaited;
  const deadline = Date.now() + deadlineMs;
  let problem = 'no answer';
  for (;;) {
    signal?.throwIfAborted();
    try {
      if (await isReady()) return;
      problem = 'not ready yet';
    } catch (error) {
      problem = (error as Error).message;
    }
    // Checked after `isReady`, which may block until the process has died often, while another
    // program has the port.
    assertPortsHad(awaited);
    const dying = processes.filter((each) => each.process.deathCount() >= DEATHS_BEFORE_GIVING_UP);
    if (dying.length > 0 || Date.now() > deadline) {
      const why =
        dying.length > 0 ? 'the process ends after each start' : `after ${deadlineMs / 1000} s`;
      const logs = (dying.length > 0 ? dying : processes).map((each) =>
        lastLogLines(each.process.name, each.logFile),
      );
      throw new Error(`${name} did not become ready: ${why} (${problem}).\n${logs.join('\n')}`);
    }
    await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
};

/** @throws Error with the code EADDRINUSE when a new log reports an address in use */
const assertPortsHad = ({ name, processes }: Awaited): void => {
  const barred = processes.find(({ newLog }) => ADDRESS_IN_USE.test(newLog?.() ?? ''));
  if (barred === undefined) return;
  const log = lastLogLines(barred.process.name, barred.logFile);
  const message = `${name} cannot start: an address that it needs is in use.\n${log}`;
  throw Object.assign(new Error(message), { code: 'EADDRINUSE' });
};

const lastLogLines = (name: string, logFile: string): string => {
  const lines = existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n') : [];
  const shown = lines.slice(-SHOWN_LOG_LINES).map((line) => `  ${line}`);
  return `The last lines of ${name}'s log (${logFile}):\n${shown.join('\n') || '  (empty)'}`;
};
