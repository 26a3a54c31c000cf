import { beforeAll, expect, test } from 'vitest';
import { useConsole } from '../../support/browser/console.ts';
import { databaseAway } from '../../support/browser/away.ts';
import { addPlace, type Place } from '../../support/browser/deletions.ts';
import { unroute } from '../../support/browser/routes.ts';
import { userList } from '../../support/browser/user-pages.ts';

const { stack, open } = useConsole();
let place: Place;

beforeAll(async () => {
  place = await addPlace(stack(), 'users-unknown', { users: 3, inParis: 1 });
});

test('until the answer to a cleared search is there, no workspace is called empty', async (context) => {
  const page = await open(context, '/users?q=nobody', { key: place.key, statuses: [503] });
  await page.getByText('No user matches.').waitFor();
  const all = /\/v1\/users\?(?!.*q=)/;
  await page.route(all, (route) => route.fulfill(databaseAway('r-9')));
  await page.getByRole('button', { name: 'Clear filter' }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'r-9' });
  await alert.waitFor();
  expect(await page.getByText('No users yet.').count()).toBe(0);
  await unroute(page, all);
  await alert.getByRole('button', { name: 'Try again' }).click();
  await userList(page).says('3 users');
});

/** An answer of `/v1/me` in which the request to delete all users is approved, or is not. */
const features = (isApproved: boolean) => ({
  deleteAll: {
    enabled: isApproved,
    until: isApproved ? '2026-12-03T10:00:00Z' : null,
    requestId: isApproved ? '01a22a61-a326-7fc5-9e43-d95e0c0056d6' : null,
  },
});

test('an approval since the page was loaded unlocks the menu', async (context) => {
  const page = await open(context, '/users', { key: place.key });
  const item = page.getByRole('menuitem', { name: /^Delete all users…/ });
  await page.getByRole('button', { name: 'Actions' }).click();
  await item.getByText('Locked: needs an approval').waitFor();
  await page.keyboard.press('Escape');
  await item.waitFor({ state: 'hidden' });
  await page.route('**/v1/me', async (route) => {
    const answer = await route.fetch();
    const me = (await answer.json()) as object;
    await route.fulfill({ response: answer, json: { ...me, features: features(true) } });
  });
  await page.getByRole('button', { name: 'Actions' }).click();
  await item.waitFor();
  await item.getByText('Locked: needs an approval').waitFor({ state: 'hidden' });
  await item.click();
  const dialog = page.getByRole('dialog', { name: 'Delete all users' });
  await dialog.getByText('The platform team has approved it.').waitFor();
});

test('while it is not known whether an approval is there, nothing is called locked', async (context) => {
  const page = await open(context, '/settings', { key: place.key, statuses: [503] });
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.route('**/v1/me', (route) => route.fulfill(databaseAway('r-10')));
  await page.getByRole('link', { name: 'Users' }).click();
  await page.getByRole('button', { name: 'Actions' }).click();
  const item = page.getByRole('menuitem', { name: 'Delete all users…', exact: true });
  await item.click();
  const dialog = page.getByRole('dialog', { name: 'Delete all users' });
  await dialog.getByText('r-10').waitFor();
  expect(await dialog.getByText('This is locked.').count()).toBe(0);
  await unroute(page, '**/v1/me');
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await dialog.getByText('This is locked.').waitFor();
});
