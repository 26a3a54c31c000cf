import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { makeJob } from '../support/steps/export-rows.ts';
import { useConsole } from '../support/browser/console.ts';

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
  const repeated = page.waitForResponse((response) => response.url().includes('/v1/jobs'));
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
