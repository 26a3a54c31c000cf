import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Health } from './health.ts';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

export interface AwaitedServer<T> {
  /** The name in messages. */
  name: string;
  /** Makes one attempt. */
  ask: () => Promise<T>;
  /** The error that ends the wait; undefined if a later attempt may succeed. */
  endOf: (error: unknown) => Error | undefined;
  log: Logger;
  health: Health;
  /** Ends the wait. */
  signal: AbortSignal;
}

/**
 * Repeats `ask` until it succeeds, and logs before each pause.
 *
 * @throws the result of `endOf`; the signal's reason
 */
export const waitUntilThere = async <T>(server: AwaitedServer<T>): Promise<T> => {
  const { name, ask, endOf, log, health, signal } = server;
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      const answer = await ask();
      if (attempt > 1) log.info({ attempt }, `${name} answers`);
      return answer;
    } catch (error) {
      const end = endOf(error);
      if (end !== undefined) throw end;
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
      health.say([`${name} does not answer; the worker waits for it.`]);
      log.warn(
        { error: factsOf(error), attempt, pauseMs },
        `${name} is not available: the worker waits for it`,
      );
      await sleep(pauseMs, undefined, { signal });
    }
  }
};

/**
 * The facts of an error for the log. The message is safe: before any job runs, no user's data was
 * read.
 */
const factsOf = (error: unknown) => {
  const { name, message, code } = error as NodeJS.ErrnoException;
  return { name, message, code };
};
