import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { expectAccessibleInEachLook } from '../support/browser/accessibility.ts';
import { useConsole } from '../support/browser/console.ts';
import { addPlace, type Place } from '../support/browser/deletions.ts';
import { goTo } from '../support/browser/go-to.ts';

const { stack, open } = useConsole();
let place: Place;
let key = '';

beforeAll(async () => {
  place = await addPlace(stack(), 'holds', { users: 3, inParis: 1 });
  key = await stack().roleKey('platform');
});

const openHolds = async (...[context, , options]: Parameters<typeof open>) => {
  const page = await open(context, '/holds', { key, ...options });
  await page.getByLabel('Workspace').selectOption('holds');
  return page;
};

const isHeld = async (userId: string) => {
  const { legalHold } = await place.api.succeed<{ legalHold: boolean }>(
    'GET',
    `/v1/users/${userId}`,
  );
  return legalHold;
};

const askToClear = async (page: Page) => {
  await page.getByRole('button', { name: 'Clear legal hold…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Clear the legal hold of this user?' });
  await dialog.getByText('u-1').waitFor();
  return dialog;
};

test('the platform team sets a hold, and clears it after a question', async (context) => {
  const page = await openHolds(context, '');
  const set = page.getByRole('button', { name: 'Set legal hold' });
  expect(await set.isDisabled()).toBe(true);
  await page.getByLabel('User id').fill('u-1');
  await page.keyboard.press('Enter');
  await page.getByText('User u-1 in holds is under legal hold.').waitFor();
  expect(await isHeld('u-1')).toBe(true);

  const dialog = await askToClear(page);
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Cancel');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  expect(await isHeld('u-1')).toBe(true);
  const again = await askToClear(page);
  await again.getByRole('button', { name: 'Clear legal hold' }).click();
  await page.getByText('User u-1 in holds is under no legal hold.').waitFor();
  expect(await isHeld('u-1')).toBe(false);
  expect(new URL(page.url()).search).toBe('');
});

test('an id without a user is an error that names what is missing', async (context) => {
  const page = await openHolds(context, '', { statuses: [404] });
  await page.getByLabel('User id').fill('nobody');
  await page.getByRole('button', { name: 'Set legal hold' }).click();
  await page
    .getByRole('alert')
    .getByText(/Request [0-9a-f-]{36}/)
    .waitFor();
  await page.getByLabel('User id').fill('u-2');
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Set legal hold' }).click();
  await page.getByText('User u-2 in holds is under legal hold.').waitFor();
});

test('a hold that is given up while signed out is not set by signing in again', async (context) => {
  const page = await openHolds(context, '', { statuses: [401] });
  await page.getByLabel('User id').fill('u-3');
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Set legal hold' }).click();
  const session = page.getByRole('dialog', { name: 'Your session has ended' });
  await session.getByLabel('Key', { exact: true }).fill(key);
  await goTo(page, '/settings');
  await page.getByLabel('User id').waitFor({ state: 'detached' });
  let sent = 0;
  page.on('request', (request) => {
    if (request.method() === 'PATCH') sent += 1;
  });
  await session.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.getByRole('link', { name: 'Jobs', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();
  expect(sent).toBe(0);
  expect(await isHeld('u-3')).toBe(false);
});

test('without a network a hold fails at once, and is not set later by itself', async (context) => {
  const page = await openHolds(context, '', { isOffline: true });
  await page.getByLabel('User id').fill('u-3');
  await page.context().setOffline(true);
  await page.getByRole('button', { name: 'Set legal hold' }).click();
  await page.getByRole('alert').getByText('The server cannot be reached').waitFor();
  await page.context().setOffline(false);
  await page.getByLabel('User id').fill('u-2');
  await page.getByRole('button', { name: 'Set legal hold' }).click();
  await page.getByText('User u-2 in holds is under legal hold.').waitFor();
  expect(await isHeld('u-3')).toBe(false);
});

test('the form and its question are accessible in each theme and width', async (context) => {
  const page = await openHolds(context, '');
  await page.getByLabel('User id').fill('u-1');
  await expectAccessibleInEachLook(page);
  await askToClear(page);
  await expectAccessibleInEachLook(page);
});
