import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { useConsole } from '../support/browser/console.ts';
import { addPlace, type Place } from '../support/browser/deletions.ts';

const { stack, open } = useConsole();
const MOST_STOPS = 60;
let place: Place;

beforeAll(async () => {
  place = await addPlace(stack(), 'journey', { users: 220, inParis: 130 });
});

/** The name of the element in focus, as a screen reader would say it. */
const FOCUSED = `(() => {
  const element = document.activeElement;
  return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent;
})()`;

/** Presses Tab, or a key that goes back, until a part with this name has the focus. */
const tabTo = async (page: Page, name: string | RegExp, key = 'Tab'): Promise<void> => {
  const passed: string[] = [];
  for (let stops = 0; stops < MOST_STOPS; stops++) {
    await page.keyboard.press(key);
    const focused = (await page.evaluate<string>(FOCUSED)).trim();
    if (typeof name === 'string' ? focused === name : name.test(focused)) return;
    passed.push(focused);
  }
  throw new Error(`no stop of the keyboard is named ${name}: ${passed.join(' | ')}`);
};

const press = async (page: Page, name: string | RegExp): Promise<void> => {
  await tabTo(page, name);
  await page.keyboard.press('Enter');
};

const signIn = async (page: Page): Promise<void> => {
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await expect.poll(() => page.evaluate(FOCUSED)).toBe('Key');
  await page.keyboard.type(place.key);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
};

/** All users in the search's result, without the first three of the page. */
const selectAllButThree = async (page: Page): Promise<void> => {
  await page.keyboard.type('gu');
  await page.getByRole('heading', { level: 1, name: 'Users' }).waitFor();
  await page.getByText('220 users').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('u-1');
  await page.getByText('111 users').waitFor();
  await tabTo(page, 'Select all users on this page');
  await page.keyboard.press('Space');
  await tabTo(page, /^Select all 111 users/, 'Shift+Tab');
  await page.keyboard.press('Enter');
  await page.getByText('All 111 users that match are selected.').waitFor();
  await tabTo(page, /^Select u-1$/);
  for (let left = 0; left < 3; left++) {
    await page.keyboard.press('x');
    await page.keyboard.press('ArrowDown');
  }
  await page.getByText('108 of 111 selected (3 left out).').waitFor();
};

const confirm = async (page: Page): Promise<void> => {
  await page.keyboard.press('Delete');
  const dialog = page.getByRole('dialog', { name: 'Delete 108 users?' });
  await dialog.waitFor();
  await expect.poll(() => page.evaluate(FOCUSED)).toBe('Cancel');
  await tabTo(page, /^Reason/);
  await page.keyboard.type('They asked for it.');
  await tabTo(page, /^Type 108 to confirm/);
  await page.keyboard.type('108');
  await press(page, 'Delete 108 users');
};

test('a person signs in, selects all but three, deletes, watches, and restores, by keys alone', async (context) => {
  const page = await open(context, '/');
  await signIn(page);
  await selectAllButThree(page);
  await confirm(page);
  await page.getByRole('heading', { level: 1, name: /^Deletion of 108 users/ }).waitFor();
  await page.getByText('108 deleted').first().waitFor();
  await press(page, 'Restore…');
  const dialog = page.getByRole('dialog', { name: /^Restore/ });
  await dialog.waitFor();
  await press(page, /^Restore 108 users/);
  await page.getByRole('heading', { level: 1, name: /^Restore of 108 users/ }).waitFor();
  await page.getByText('108 restored').first().waitFor();
  const { count } = await place.api.succeed<{ count: number }>(
    'GET',
    '/v1/users?limit=1&count=exact',
  );
  expect(count).toBe(220);
});
