import type { Logger } from 'pino';

const INTERVAL_MS = 60_000;

interface KeepRegistered {
  /** Makes what is missing, and answers with its names. */
  register: () => Promise<string[]>;
  log: Logger;
  /** One minute unless a test gives another time. */
  intervalMs?: number | undefined;
}

/**
 * Registers again and again, so that a Temporal server that lost its data has schedules and search
 * attributes again without a restart of the worker. A failure is logged once, until a later look
 * succeeds.
 */
export const keepRegistered = ({ register, log, intervalMs = INTERVAL_MS }: KeepRegistered) => {
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let hasFailed = false;
  let isStopped = false;

  const look = async (): Promise<void> => {
    try {
      const made = await register();
      if (made.length > 0) log.warn({ made }, 'Temporal had lost these, they are made again');
      hasFailed = false;
    } catch (error) {
      const { name, message } = error as Error;
      if (!hasFailed) log.error({ error: { name, message } }, 'registration with Temporal failed');
      hasFailed = true;
    }
    if (!isStopped) schedule();
  };
  const schedule = (): void => {
    timer = setTimeout(() => {
      looking = look();
    }, intervalMs);
  };

  schedule();
  return {
    /** Waits for a look under way. */
    stop: async (): Promise<void> => {
      isStopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
};
