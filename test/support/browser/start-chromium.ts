import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ChromiumMessage } from './chromium-server.ts';

export interface RunningChromium {
  /** Where to connect to it, or the reason why none runs. */
  message: ChromiumMessage;
  stop: () => Promise<void>;
}

/** Starts a Chromium in a process of its own. */
export const startChromium = async (): Promise<RunningChromium> => {
  const child = fork(join(import.meta.dirname, 'chromium-server.ts'), [], {
    execArgv: ['--import', 'tsx'],
  });
  const exited = once(child, 'exit');
  const message = await Promise.race([
    once(child, 'message').then(([sent]) => sent as ChromiumMessage),
    exited.then(([code]) => ({ reason: `its process ended with code ${code}` })),
  ]);
  const stop = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await exited;
  };
  return { message, stop };
};
