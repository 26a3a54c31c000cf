import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** The rules of these tags that read colours. A theme changes nothing else. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

/** The theme in which all rules are applied. */
const FIRST_SCHEME = 'light';
/** The themes and widths in which each page is looked at. */
const LOOKS = ([FIRST_SCHEME, 'dark'] as const).flatMap((scheme) =>
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

/** Expects that axe finds nothing on the page. */
export const expectAccessible = (page: Page): Promise<void> => expectNothingFound(page, TAGS);

/**
 * Expects in each theme and width that axe finds nothing, and that the page fits its window. The
 * page stays open: it follows the theme and the window. In the second theme, only the rules that
 * read colours are applied.
 */
export const expectAccessibleInEachLook = async (page: Page): Promise<void> => {
  for (const { scheme, width } of LOOKS) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: HEIGHT });
    await page.locator(`html[data-mantine-color-scheme="${scheme}"]`).waitFor();
    await page.evaluate(AWAIT_TRANSITIONS);
    await expectNothingFound(page, scheme === FIRST_SCHEME ? TAGS : COLOUR_RULES);
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

/**
 * Expects that these rules, or the rules with these tags, find nothing on the page. The source of
 * axe is evaluated, once for each document: the policy refuses script tags.
 */
const expectNothingFound = async (page: Page, rulesOrTags: string[]): Promise<void> => {
  if (await page.evaluate<boolean>('window.axe === undefined')) await page.evaluate(axe.source);
  const { violations } = await page.evaluate<{ violations: Violation[] }>(
    `axe.run(document, { runOnly: ${JSON.stringify(rulesOrTags)} })`,
  );
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id}: ${help}: ${target.join(' ')}: ${failureSummary}`,
    ),
  );
  expect(found).toEqual([]);
};

const expectFits = async (page: Page, width: number, look = ''): Promise<void> => {
  const own = await page.evaluate('document.documentElement.scrollWidth');
  expect(own, `${look} ${width} px`).toBeLessThanOrEqual(width);
};
