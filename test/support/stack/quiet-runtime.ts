import { DefaultLogger, Runtime } from '@temporalio/worker';

let isInstalled = false;

/**
 * Lets the workers of this process log errors only. A process has one runtime, and runs several
 * test files.
 */
export const installQuietRuntime = (): void => {
  if (!isInstalled) Runtime.install({ logger: new DefaultLogger('ERROR') });
  isInstalled = true;
};
