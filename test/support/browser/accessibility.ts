import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** The themes and widths in which each page is looked at. */
const LOOKS = (['light', 'dark'] as const).flatMap((scheme) =>
  [1_280, 400].map((width) => ({ scheme, width })),
);
const HEIGHT = 800;
/** Waits for the final colours. Some of them follow a new theme with a delay. */
const AWAIT_TRANSITIONS = `Promise.allSettled(
  document
    .getAnimations()
    .filter((animation) => animation instanceof CSSTransition)
    .map(({ finished }) => finished),
).then(() => undefined)`;

interface Violation {
  id: string;
  help: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** Expects that axe finds nothing on the page. It is evaluated: the policy refuses script tags. */
export const expectAccessible = async (page: Page): Promise<void> => {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<{ violations: Violation[] }>(
    `axe.run(document, { runOnly: ${JSON.stringify(TAGS)} })`,
  );
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id}: ${help}: ${target.join(' ')}: ${failureSummary}`,
    ),
  );
  expect(found).toEqual([]);
};

/**
 * Expects in each theme and width that axe finds nothing, and that the page fits its window. The
 * page stays open: it follows the theme and the window.
 */
export const expectAccessibleInEachLook = async (page: Page): Promise<void> => {
  for (const { scheme, width } of LOOKS) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: HEIGHT });
    await page.locator(`html[data-mantine-color-scheme="${scheme}"]`).waitFor();
    await page.evaluate(AWAIT_TRANSITIONS);
    await expectAccessible(page);
    await expectFits(page, width, scheme);
  }
};

/** Expects in each of these widths that the page does not scroll sideways. */
export const expectFitsWidths = async (page: Page, widths: readonly number[]): Promise<void> => {
  for (const width of widths) {
    await page.setViewportSize({ width, height: HEIGHT });
    await expectFits(page, width);
  }
};

const expectFits = async (page: Page, width: number, look = ''): Promise<void> => {
  const own = await page.evaluate('document.documentElement.scrollWidth');
  expect(own, `${look} ${width} px`).toBeLessThanOrEqual(width);
};
