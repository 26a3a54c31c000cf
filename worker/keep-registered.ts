import type { Logger } from 'pino';

const INTERVAL_MS = 60_000;

interface KeepRegistered {
  /** Creates what is missing, and returns its names. */
  register: () => Promise<string[]>;
  log: Logger;
  /** One minute by default; shorter in tests. */
  intervalMs?: number | undefined;
}

/**
 * Repeats the registration. If a Temporal server loses its data, it gets its schedules and search
 * attributes back without a restart of the worker. Only the first of several failures in a row is
 * logged.
 */
export const keepRegistered = ({ register, log, intervalMs = INTERVAL_MS }: KeepRegistered) => {
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let hasFailed = false;
  let isStopped = false;

  const look = async (): Promise<void> => {
    try {
      const made = await register();
      if (made.length > 0)
        log.warn({ made }, 'Temporal had lost these objects: they were created again');
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
    /** Stops, and waits for a registration in progress. */
    stop: async (): Promise<void> => {
      isStopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
};
