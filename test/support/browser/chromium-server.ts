import { chromium } from 'playwright-core';
import { findChromium } from './find-chromium.ts';

/**
 * A process of its own, because the search for Chromium changes the environment: its libraries must
 * not reach PostgreSQL or Temporal. It ends with its parent.
 */
export type ChromiumMessage = { endpoint: string } | { reason: string };

const send = (message: ChromiumMessage): void => void process.send?.(message);

process.once('disconnect', () => process.exit(0));
try {
  const { path, env } = await findChromium();
  const server = await chromium.launchServer({
    executablePath: path,
    env,
    // Tests load pages of this machine only, and run as root in CI, where no sandbox is possible.
    chromiumSandbox: false,
    args: ['--font-render-hinting=none'],
  });
  send({ endpoint: server.wsEndpoint() });
} catch (error) {
  send({ reason: (error as Error).message.split('\n', 1)[0] ?? '' });
}
