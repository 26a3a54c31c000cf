import { killRecorded } from './process-record.ts';

/**
 * npm forwards a Ctrl-C that the terminal has also sent here. Two signals within this time count as
 * one.
 */
const SECOND_SIGNAL_MS = 1_000;
const PARENT_POLL_MS = 250;
const FORCED_EXIT_CODE = 130;

/**
 * Returns a signal that aborts at the first SIGINT, SIGTERM or SIGHUP. A second signal kills all
 * processes without waiting.
 */
export const listenForSignals = (getDataDir: () => string): AbortSignal => {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = () => {
    if (firstAt === undefined) {
      firstAt = Date.now();
      console.log('Stopping. Press Ctrl-C again to stop at once.');
      controller.abort();
    } else if (Date.now() - firstAt > SECOND_SIGNAL_MS) {
      killRecorded(getDataDir());
      process.exit(FORCED_EXIT_CODE);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // If npm or its shell is killed, no signal arrives here. The change of the parent shows it, and
  // the stack must stop too.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent && firstAt === undefined) onSignal();
  }, PARENT_POLL_MS);
  watch.unref();
  if (!('npm_lifecycle_event' in process.env)) clearInterval(watch);
  // After the terminal is closed, output fails. The stack must still be stopped.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return controller.signal;
};
