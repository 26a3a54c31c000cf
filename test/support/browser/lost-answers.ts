import type { Page } from 'playwright-core';

interface Sent {
  key: string;
  body: string;
}

/**
 * Cuts each request to a path until `mend`, so that a test may take its time until then.
 *
 * @param reaches the first request reaches the server, and only its answer is lost
 */
export const loseAnswers = async (page: Page, path: string, { reaches = false } = {}) => {
  const sent: Sent[] = [];
  let isCut = true;
  await page.route(path, async (route) => {
    const request = route.request();
    const isFirst = sent.length === 0;
    sent.push({
      key: request.headers()['idempotency-key'] ?? '',
      body: request.postData() ?? '',
    });
    if (!isCut) return route.continue();
    if (isFirst && reaches) await route.fetch();
    return route.abort('connectionreset');
  });
  return {
    sent,
    /** The different keys that were sent. */
    keys: () => [...new Set(sent.map(({ key }) => key))],
    mend: () => {
      isCut = false;
    },
  };
};
