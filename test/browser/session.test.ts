import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { makeJob } from '../support/steps/export-rows.ts';
import { useConsole } from '../support/browser/console.ts';
import {
  addMovedDeletion,
  addPlace,
  countDeletions,
  openDialog,
} from '../support/browser/deletions.ts';
import { goTo } from '../support/browser/go-to.ts';

const { stack, open } = useConsole();
let key = '';

beforeAll(async () => {
  await stack().workspace('session');
  key = await stack().adminKey('session');
});

/** Ends the session of the page, as the database does after its time, and lets the page notice. */
const endSession = async (page: Page): Promise<void> => {
  await page.context().clearCookies();
  const runOn = async (): Promise<boolean> => {
    // The time until the next request begins with the answer to the one before.
    await page.clock.runFor(31_000);
    return dialogOf(page).isVisible();
  };
  await expect.poll(runOn).toBe(true);
};

const dialogOf = (page: Page) => page.getByRole('dialog', { name: 'Your session has ended' });

const openSettings = async (...[context, path, options]: Parameters<typeof open>) => {
  const page = await open(context, path, { ...options, statuses: [401], hasClock: true });
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  return page;
};

test('a session that ends leaves the page in place, and it goes on after signing in', async (context) => {
  const page = await openSettings(context, '/settings', { key });
  await endSession(page);
  await dialogOf(page).waitFor();
  await page.keyboard.press('Escape');
  await dialogOf(page).getByText('Sign in to go on. Nothing is lost.').waitFor();

  await dialogOf(page).getByLabel('Key', { exact: true }).fill(key);
  const repeated = page.waitForResponse(
    (response) => response.url().includes('/v1/jobs') && response.status() !== 401,
  );
  await dialogOf(page).getByRole('button', { name: 'Sign in' }).click();
  await dialogOf(page).waitFor({ state: 'hidden' });
  expect((await repeated).status()).toBe(200);
  expect(new URL(page.url()).pathname).toBe('/settings');
});

test('another person that signs in gets their own first page, and nothing of this one', async (context) => {
  const page = await openSettings(context, '/settings', { key });
  await endSession(page);
  await dialogOf(page)
    .getByLabel('Key', { exact: true })
    .fill(await stack().roleKey('ops'));
  await dialogOf(page).getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('banner').getByText('All workspaces').waitFor();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
});

test('a page notices at its next read that another person has signed in', async (context) => {
  const page = await open(context, '/users', { key, statuses: [403] });
  await page.getByRole('heading', { level: 1, name: 'Users' }).waitFor();
  const data = { key: await stack().roleKey('ops') };
  expect((await page.context().request.post('/v1/session', { data })).status()).toBe(200);
  await page.getByRole('searchbox', { name: 'Search' }).fill('ada');
  await page.getByRole('banner').getByText('All workspaces').waitFor();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
});

test('a deletion that is given up while signed out is not sent by signing in again', async (context) => {
  const place = await addPlace(stack(), 'session-deletion', { users: 100, inParis: 9 });
  const id = await addMovedDeletion(stack(), place);
  const page = await open(context, `/jobs/${id}`, { key: place.key, statuses: [401] });
  const dialog = await openDialog(page);
  await dialog.getByLabel('Reason').fill('They left');
  await page.context().clearCookies();
  await dialog.getByRole('button', { name: 'Delete 10 users' }).click();
  await dialogOf(page).getByLabel('Key', { exact: true }).fill(place.key);
  await goTo(page, '/settings');
  await dialog.filter({ hasText: 'A backup is made' }).waitFor({ state: 'hidden' });
  let sent = 0;
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/v1/deletions')) sent += 1;
  });
  await dialogOf(page).getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.getByRole('link', { name: 'Jobs', exact: true }).click();
  await page.getByRole('link', { name: /^Deletion/ }).waitFor();
  expect(sent).toBe(0);
  expect(await countDeletions(stack(), place.workspaceId)).toBe(1);
});

test('a person may leave instead', async (context) => {
  const page = await openSettings(context, '/settings', { key });
  await endSession(page);
  await dialogOf(page).getByRole('button', { name: 'Leave' }).click();
  await page.getByRole('heading', { name: 'Sign in', level: 1 }).waitFor();
});

test('the header shows how many jobs run, and how far they are', async (context) => {
  const { owner } = stack();
  const [row] = await stack().sql<{ id: string }>(
    `SELECT id FROM api_keys WHERE workspace_id = 'session' LIMIT 1`,
  );
  const jobs = await Promise.all(
    [100, 300].map((total) =>
      makeJob(owner.db, { workspaceId: 'session', keyId: row!.id, type: 'deletion', total }),
    ),
  );
  const page = await open(context, '/settings', { key });
  await page.getByText('2 running · 0 %').waitFor();
  await stack().sql(
    `UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE id = ANY ($1)`,
    [jobs],
  );
});
