import { killRecorded } from './process-record.ts';

/** npm hands on the Ctrl-C that the terminal has sent here as well: two at once are one. */
const SECOND_SIGNAL_MS = 1_000;
const PARENT_POLL_MS = 250;
const FORCED_EXIT_CODE = 130;

/** Aborts at the first signal; a later one ends all that runs without waiting. */
export const listenForSignals = (getDataDir: () => string): AbortSignal => {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = () => {
    if (firstAt === undefined) {
      firstAt = Date.now();
      console.log('Stopping. Press Ctrl-C again to force it.');
      controller.abort();
    } else if (Date.now() - firstAt > SECOND_SIGNAL_MS) {
      killRecorded(getDataDir());
      process.exit(FORCED_EXIT_CODE);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // Killed, npm and the shell between hand nothing on; what they started should not stay behind.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent && firstAt === undefined) onSignal();
  }, PARENT_POLL_MS);
  watch.unref();
  if (!('npm_lifecycle_event' in process.env)) clearInterval(watch);
  // After the terminal is gone there is nobody to write to, but still a stack to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return controller.signal;
};
