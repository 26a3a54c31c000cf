import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, onTestFinished, type TestContext } from 'vitest';
import { PATIENCE_MS } from '../patience.ts';
import { type TestStack, useSharedStack } from '../stack/stack.ts';
import type { ChromiumMessage } from './chromium-server.ts';
import { watchPages } from './watch-page.ts';

export interface OpenOptions {
  /** Signed in with this key. */
  key?: string;
  scheme?: 'light' | 'dark';
  width?: number;
  /** Statuses of responses that the test expects to fail. */
  statuses?: readonly number[];
  /** The test cuts the network. */
  isOffline?: boolean;
  /** The test cuts single connections. */
  isCut?: boolean;
  /** The test moves the clock of the page by `page.clock`. */
  hasClock?: boolean;
}

export interface TestConsole {
  stack: () => TestStack;
  /**
   * Opens a page of the console in a context of its own: nothing of other tests is stored. The test
   * is skipped, with the reason, where no Chromium runs.
   */
  open: (test: TestContext, path: string, options?: OpenOptions) => Promise<Page>;
}

const HEIGHT = 800;

/**
 * The console of a stack, in the Chromium that the files of a run share.
 *
 * @param useStack `useOwnStack` for tests that stop parts of it
 */
export const useConsole = (useStack: () => () => TestStack = useSharedStack): TestConsole => {
  const stack = useStack();
  let message: ChromiumMessage | undefined;
  let browser: Browser | undefined;

  beforeAll(async () => {
    message = (await (await fetch(inject('chromiumUrl'))).json()) as ChromiumMessage;
    if ('endpoint' in message) {
      browser = await chromium.connect(message.endpoint);
      return;
    }
    if (process.env['CI']) throw new Error(`No Chromium runs: ${message.reason}`);
    console.log(`Browser tests are skipped, because no Chromium runs: ${message.reason}`);
  });
  afterAll(() => browser?.close());

  const open: TestConsole['open'] = async (test, path, options = {}) => {
    if (browser === undefined) {
      const reason = message !== undefined && 'reason' in message ? message.reason : '';
      return test.skip(`no Chromium runs: ${reason}`);
    }
    const { scheme = 'light', width = 1_280, key } = options;
    const origin = stack().stack.info().api;
    const context = await browser.newContext({
      baseURL: origin,
      colorScheme: scheme,
      viewport: { width, height: HEIGHT },
      locale: 'en-GB',
      timezoneId: 'Europe/Paris',
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const complaints = await watchPages(context, origin, options);
    onTestFinished(async () => {
      // A handler that is under way would fail the whole run once its page is gone.
      const routed = [context, ...context.pages()];
      await Promise.all(routed.map((each) => each.unrouteAll({ behavior: 'ignoreErrors' })));
      await context.close();
      expect(complaints, 'no test accepts these').toEqual([]);
    });
    if (key !== undefined) {
      const signedIn = await context.request.post('/v1/session', { data: { key } });
      expect(signedIn.status()).toBe(200);
    }
    const page = await context.newPage();
    if (options.hasClock) await page.clock.install();
    await page.goto(path);
    return page;
  };
  return { stack, open };
};
