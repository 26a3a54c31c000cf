import type { Page } from 'playwright-core';

type Pattern = Parameters<Page['unroute']>[0];

/** Matches no address. */
const NOTHING = /(?!)/;

/**
 * Ends a route of a page, or all of them, and waits for the handlers that run.
 *
 * Its requests stay intercepted, by a route that matches none: a request that is on its way when
 * Chromium stops to intercept may be lost, so a style sheet never came and a dialog never opened.
 */
export const unroute = async (page: Page, pattern?: Pattern): Promise<void> => {
  await page.context().route(NOTHING, (route) => route.fallback());
  await (pattern === undefined ? page.unrouteAll({ behavior: 'wait' }) : page.unroute(pattern));
};
