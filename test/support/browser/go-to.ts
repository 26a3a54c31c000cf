import type { Page } from 'playwright-core';

/** Goes to a path without loading the page again, as the Back button does. */
export const goTo = async (page: Page, path: string): Promise<void> => {
  await page.evaluate(`history.pushState({}, '', ${JSON.stringify(path)});
    dispatchEvent(new PopStateEvent('popstate'))`);
};
