import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

/** Waits for a part of a page whose clock stands still: each look moves it by some milliseconds. */
export const seeSoon = async (page: Page, part: Locator): Promise<void> => {
  await expect
    .poll(async () => {
      await page.clock.runFor(5);
      return part.isVisible();
    })
    .toBe(true);
};
