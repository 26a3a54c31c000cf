import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { useConsole } from '../support/browser/console.ts';
import { databaseAway } from '../support/browser/away.ts';
import { unroute } from '../support/browser/routes.ts';

const { stack, open } = useConsole();
let key = '';

beforeAll(async () => {
  await stack().workspace('frame');
  key = await stack().adminKey('frame');
});

const atSettings = (page: Page) =>
  page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();

/** Follows a link of the console to a page that does not exist. */
const goNowhere = async (page: Page): Promise<void> => {
  await page.evaluate(
    `history.pushState({}, '', '/nowhere'); dispatchEvent(new PopStateEvent('popstate'))`,
  );
  await page.getByRole('heading', { level: 1, name: 'There is no such page' }).waitFor();
};

const focused = (page: Page): Promise<string> =>
  page.evaluate<string>('document.activeElement.textContent');

test('a change of page sets the title, is announced, and moves the focus to the heading', async (context) => {
  const page = await open(context, '/settings', { key });
  await atSettings(page);
  expect(await focused(page)).not.toBe('Settings');
  await goNowhere(page);
  expect(await focused(page)).toBe('There is no such page');

  await page.getByRole('link', { name: 'Settings' }).click();
  await atSettings(page);
  expect(await page.title()).toBe('Settings – frame – Keepsake');
  expect(await page.getByRole('status').textContent()).toBe('Settings');
  expect(await focused(page)).toBe('Settings');
  expect(await page.getByRole('link', { name: 'Settings' }).getAttribute('aria-current')).toBe(
    'page',
  );
});

test('the first stop of the keyboard skips to the content', async (context) => {
  const page = await open(context, '/settings', { key });
  await atSettings(page);
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('Skip to the content');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('main');
});

test('keys open the help and pages, and can be switched off for good', async (context) => {
  const page = await open(context, '/settings', { key });
  await atSettings(page);
  await goNowhere(page);
  await page.keyboard.type('g,');
  await atSettings(page);

  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await help.waitFor();
  await help.getByRole('switch', { name: 'Single keys act' }).click();
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'hidden' });

  await page.reload();
  await atSettings(page);
  expect(await page.getByRole('switch', { name: 'Single keys act' }).isChecked()).toBe(false);
  await page.keyboard.press('?');
  await page.getByRole('button', { name: 'Show all shortcuts' }).click();
  await help.waitFor();
});

test('a chosen theme stays after a reload', async (context) => {
  const page = await open(context, '/settings', { key });
  await page.getByRole('button', { name: 'Theme' }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const dark = await background();
  await page.reload();
  await atSettings(page);
  expect(await background()).toBe(dark);
  expect(await page.evaluate('getComputedStyle(document.documentElement).colorScheme')).toBe(
    'dark',
  );
});

test('in a narrow window, the navigation is a sheet that closes with a choice', async (context) => {
  const page = await open(context, '/settings', { key, width: 899 });
  await atSettings(page);
  await goNowhere(page);
  expect(await page.getByRole('navigation').isVisible()).toBe(false);
  await page.getByRole('button', { name: 'Open the navigation' }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'Settings' }).click();
  await atSettings(page);
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
});

test('each role sees its own name and workspace', async (context) => {
  const page = await open(context, '/settings', { key: await stack().roleKey('platform') });
  await atSettings(page);
  expect(await page.getByRole('banner').textContent()).toContain('All workspaces');
  await page.getByRole('button', { name: 'platform, menu' }).click();
  await page.getByRole('menu').getByText('Platform team').waitFor();
});

test('a page of other roles asks for nothing, and says in one sentence which role works there', async (context) => {
  const page = await open(context, '/settings', { key: await stack().roleKey('ops') });
  const places = {
    '/users?do=delete-all': ['Users', 'Only admins of the workspace read its users.'],
    '/users/u-1': ['Users', 'Only admins of the workspace read its users.'],
    '/segments': ['Segments', 'Only admins of the workspace see its segments.'],
    '/segments/new': ['Segments', 'Only admins of the workspace see its segments.'],
    '/holds': ['Legal holds', 'The platform team works here.'],
  };
  for (const [address, [heading = '', sentence = '']] of Object.entries(places)) {
    await page.goto(address);
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    const main = page.getByRole('main');
    await main.getByText(sentence).waitFor();
    expect(await main.getByRole('button').count()).toBe(0);
    expect(await page.getByRole('dialog').count()).toBe(0);
  }
});

test('a failure before the frame is there has a margin', async (context) => {
  const page = await open(context, '/settings', { key, statuses: [503] });
  await atSettings(page);
  await page.route('**/v1/session', (route) => route.fulfill(databaseAway('r-9')));
  await page.reload();
  const heading = page.getByRole('heading', { name: 'This page could not be shown' });
  await heading.waitFor();
  const { x, y } = (await heading.boundingBox())!;
  expect(Math.min(x, y)).toBeGreaterThanOrEqual(16);
});

test('signing out ends the session, and the way back leads to the sign-in page', async (context) => {
  const page = await open(context, '/settings', { key });
  await page.getByRole('button', { name: 'Ada, menu' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect((await page.request.get('/v1/session')).status()).toBe(401);
  await page.goBack();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

test('if signing out fails, the person learns that they are still signed in', async (context) => {
  const page = await open(context, '/settings', { key, isOffline: true });
  await atSettings(page);
  await page.context().setOffline(true);
  await page.getByRole('button', { name: 'Sign out' }).click();
  const dialog = page.getByRole('dialog', { name: 'You are still signed in' });
  await dialog.waitFor();
  await page.context().setOffline(false);
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

test('a page whose files are gone after an update offers to load again', async (context) => {
  const page = await open(context, '/sign-in?to=/settings', { statuses: [404] });
  const gone = '**/assets/settings-page-*.js';
  await page.route(gone, (route) => route.fulfill({ status: 404 }));
  await page.getByLabel('Key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'This page could not be loaded' }).waitFor();
  await unroute(page, gone);
  await page.getByRole('button', { name: 'Reload' }).click();
  await atSettings(page);
});
