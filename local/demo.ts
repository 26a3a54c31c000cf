import { resolve } from 'node:path';
import { readLocalEnv } from '../config.ts';
import { checkCsv, usersOfCsv } from './demo/demo-csv.ts';
import { runStep } from './demo/demo-progress.ts';
import { type Source, runDemo } from './demo/demo-steps.ts';
import { demoProperties, demoUsers } from './demo/demo-users.ts';
import { killRecorded } from './processes/process-record.ts';
import { listenForSignals } from './processes/signals.ts';
import { startStack } from './stack.ts';
import { openTemporaryFolder } from './processes/temporary-folder.ts';

const USER_COUNT = 100_000;

/** Checks the CSV file before anything is started. @throws Error that says what is wrong with it */
const openSource = async ([csv, ...rest]: string[]): Promise<Source> => {
  if (rest.length > 0) throw new Error('the demo accepts at most one CSV file');
  if (csv === undefined) {
    return {
      properties: demoProperties,
      users: () => demoUsers(USER_COUNT),
      rows: USER_COUNT,
    };
  }
  const { properties, rows, leftOut } = await runStep(`Check ${csv}`, () => checkCsv(csv));
  if (leftOut.length > 0) console.log(`  Left out: ${leftOut.join(', ')}`);
  return {
    properties: properties.map((name) => ({ name, type: 'string' })),
    users: () => usersOfCsv(csv),
    rows,
  };
};

/** Rejects when the signal is aborted. */
const untilStopped = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const stop = () => reject(new Error('stopped'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
  });

const runStack = async (source: Source, dataDir: string, signal: AbortSignal): Promise<void> => {
  const ports = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', OUTBOX_PORT: '0' };
  const stack = await runStep('Start PostgreSQL, Temporal, worker, API', () =>
    startStack({
      env: readLocalEnv({ ...ports, KEEPSAKE_DATA_DIR: dataDir }),
      inherited: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
      log: () => {},
      headless: true,
      isThrowaway: true,
      cliFallbackFolder: resolve('node_modules/.cache/keepsake'),
      signal,
    }),
  );
  try {
    await Promise.race([runDemo(stack, source), untilStopped(signal)]);
    console.log('All sums close.');
  } finally {
    await stack.stop();
  }
};

const main = async (): Promise<void> => {
  const source = await openSource(process.argv.slice(2));
  const { path: dataDir, remove } = await openTemporaryFolder('keepsake-demo-');
  const signal = listenForSignals(() => dataDir);
  // For any other end of this process, such as an uncaught error.
  process.once('exit', () => killRecorded(dataDir));
  try {
    await runStack(source, dataDir, signal);
  } catch (error) {
    throw signal.aborted ? new Error('the demo was stopped') : error;
  } finally {
    await remove();
  }
};

// An explicit exit, because a request or a pause of the demo may still be in progress.
try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
