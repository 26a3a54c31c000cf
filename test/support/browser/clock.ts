import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

const STEP_MS = 250;

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
