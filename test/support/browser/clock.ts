import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { waitFor } from '../wait.ts';

const STEP_MS = 250;

/**
 * Stops the clock of a page, so far ahead of its present time. On a slow machine that time may be
 * over before the clock has stopped, and is then chosen again.
 */
export const pauseClock = (page: Page, aheadMs = 1_000): Promise<void> =>
  waitFor(async () => {
    const now = await page.evaluate<number>('Date.now()');
    await page.clock.pauseAt(now + aheadMs);
  });

/** Waits for a part of a page whose clock stands still: each look moves it by some milliseconds. */
export const seeSoon = async (page: Page, part: Locator): Promise<void> => {
  await expect
    .poll(async () => {
      await page.clock.runFor(5);
      return part.isVisible();
    })
    .toBe(true);
};

/** Moves the clock of a page on until something is so, and returns by how many milliseconds. */
export const moveUntil = async (
  page: Page,
  isSo: () => boolean | Promise<boolean>,
): Promise<number> => {
  let moved = 0;
  await expect
    .poll(async () => {
      await page.clock.runFor(STEP_MS);
      moved += STEP_MS;
      return isSo();
    })
    .toBe(true);
  return moved;
};
