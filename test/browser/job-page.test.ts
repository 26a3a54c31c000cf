import type { Page } from 'playwright-core';
import { expect, test, type TestContext } from 'vitest';
import { expectAccessibleInEachLook } from '../support/browser/accessibility.ts';
import { type OpenOptions, useConsole } from '../support/browser/console.ts';
import {
  addMovedDeletion,
  addPlace,
  beginDeletion,
  IN_PARIS,
  holdJob,
  insertDeletion,
  lockAllUsers,
  lockUsers,
  type Place,
} from '../support/browser/deletions.ts';

const { stack, open } = useConsole();
let count = 0;

const arrange = (users: number, inParis: number): Promise<Place> => {
  count += 1;
  return addPlace(stack(), `job-${count}`, { users, inParis });
};

/**
 * Opens the page of a deletion that deletes nobody before `freeAll`. Then it leaves two locked
 * users, until `free`.
 */
const openSlowDeletion = async (context: TestContext, place: Place) => {
  const free = await lockUsers(stack(), place, ['u-40', 'u-41']);
  const freeAll = await lockAllUsers(stack(), place);
  const id = await beginDeletion(place);
  const letGo = await holdJob(stack(), id);
  const page = await openJob(context, id, { key: place.key });
  await letGo();
  return { id, page, free, freeAll };
};

const openJob = async (context: TestContext, id: string, options: OpenOptions): Promise<Page> => {
  const page = await open(context, `/jobs/${id}`, options);
  await page.getByRole('heading', { level: 1, name: /users|lines/ }).waitFor();
  return page;
};

/** The colour of a failed line in the table, and in the bar. */
const COLORS = `[
  getComputedStyle(document.querySelector('td[data-tone="open"]')).color,
  getComputedStyle(document.querySelector('[aria-label*="1 failed"] > :last-child')).backgroundColor,
]`;

const steps = (page: Page) => page.getByRole('list', { name: 'Steps', exact: true });

test('a deletion is shown live: its steps, its users, and its end with sums that close', async (context) => {
  const place = await arrange(1_000, 150);
  const { page, free, freeAll } = await openSlowDeletion(context, place);
  await page
    .getByRole('heading', { level: 1, name: 'Deletion of 150 users that match a filter' })
    .waitFor();
  await steps(page).getByText('Back up').waitFor();
  await page.getByText('You can close this page, we will mail you.').waitFor();
  await page.waitForFunction(
    `/^(\\d+ % – )?Deleting – ${place.workspaceId} – Keepsake$/.test(document.title)`,
  );
  await page.getByRole('progressbar', { name: 'Deleting' }).waitFor();
  await freeAll();

  await page.getByRole('heading', { level: 2, name: '148 deleted, 2 not' }).waitFor();
  await free();
  expect(await page.title()).toBe(`Deleted – ${place.workspaceId} – Keepsake`);
  expect(await page.getByRole('status').textContent()).toBe('Done in part. 148 deleted, 2 not.');
  await page.getByRole('row', { name: 'failed Other work held the user in each try. 2' }).waitFor();
  await page.getByRole('row', { name: 'Selected 150 users' }).waitFor();
  await page.getByText('Again for 2 users that were left').first().waitFor();

  await page.getByRole('button', { name: 'Retry 2' }).click();
  await page.getByRole('heading', { level: 2, name: '2 deleted' }).waitFor();
  await page.getByRole('tab', { name: 'Details' }).click();
  await page.getByRole('link', { name: 'the first deletion' }).click();
  await page.getByRole('heading', { level: 2, name: '148 deleted, 2 not' }).waitFor();
  await page.getByRole('tab', { name: 'Details' }).click();
  await page.getByRole('link', { name: 'another deletion' }).waitFor();
  expect(await page.getByRole('button', { name: /^Retry/ }).count()).toBe(0);
});

test('a deletion that is stopped says what is done, and what stays', async (context) => {
  const place = await arrange(1_000, 150);
  const { id, page, free, freeAll } = await openSlowDeletion(context, place);
  await page.getByRole('progressbar', { name: 'Deleting' }).waitFor();
  await page.getByRole('button', { name: 'Stop deletion' }).click();
  const dialog = page.getByRole('dialog', { name: 'Stop this deletion?' });
  await dialog.getByText(/Nobody is deleted yet|are deleted and can be restored/).waitFor();
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Go on');
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await dialog.waitFor({ state: 'hidden' });

  await page.getByRole('button', { name: 'Stop deletion' }).click();
  await dialog.getByRole('button', { name: 'Stop deletion' }).click();
  const stateOf = () => place.api.succeed<{ state: string }>('GET', `/v1/jobs/${id}`);
  await expect.poll(stateOf).toMatchObject({ state: 'cancelling' });
  await freeAll();
  await page.getByRole('main').getByText('Stopped').waitFor();
  await free();
  const { counts } = await place.api.finish(id);
  expect(Object.values(counts!).reduce((sum, one) => sum + one, 0)).toBe(2 * 150);
  await page.getByRole('row', { name: 'Selected 150 users' }).waitFor();
  expect(await page.title()).toBe(`Deletion stopped – ${place.workspaceId} – Keepsake`);
});

test('while the mail is sent nothing is left to stop', async (context) => {
  const place = await arrange(1, 1);
  const selection = { type: 'ids', count: 3 };
  const id = await insertDeletion(stack(), place, { selection, phase: 'settling' });
  const page = await openJob(context, id, { key: place.key });
  await page.getByRole('button', { name: 'Stop deletion' }).click();
  const dialog = page.getByRole('dialog', { name: 'Stop this deletion?' });
  await dialog.waitFor();
  await stack().sql(`UPDATE jobs SET phase = 'notifying' WHERE id = $1`, [id]);
  await dialog.waitFor({ state: 'hidden' });
  await page.getByText('Sending the mail. No users are counted').waitFor();
  expect(await page.getByRole('button', { name: 'Stop deletion' }).count()).toBe(0);
  await stack().sql(`UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1`, [id]);
});

test('records are read in pages, and by outcome', async (context) => {
  const place = await arrange(1_000, 120);
  const id = await beginDeletion(place);
  await place.api.finish(id);
  const page = await openJob(context, id, { key: place.key });
  await page.getByRole('tab', { name: 'Records' }).click();
  const rows = page.getByRole('tabpanel').getByRole('row');
  await rows.nth(50).waitFor();
  expect(await rows.count()).toBe(51);
  const first = await rows.nth(1).textContent();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await rows.nth(20).waitFor();
  await expect.poll(() => rows.count()).toBe(21);
  expect(await page.getByRole('button', { name: 'Next' }).isDisabled()).toBe(true);
  await page.getByLabel('Outcome').selectOption('deleted');
  await expect.poll(() => rows.nth(1).textContent()).toBe(first);
  expect(new URL(page.url()).search).toBe('?tab=records');
});

test('the log and the backup can be downloaded, and the backup has its checksum and its expiry', async (context) => {
  const place = await arrange(1_000, 30);
  const id = await beginDeletion(place);
  const { result } = await place.api.finish(id);
  const page = await openJob(context, id, { key: place.key });
  await page.getByRole('tab', { name: 'Files' }).click();
  await page.getByText(result!.backups![0]!.sha256).waitFor();
  await page.getByText('Kept until').waitFor();
  const file = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download', exact: true }).click();
  expect((await file).suggestedFilename()).toMatch(/\.csv/);
  const log = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download log' }).click();
  expect((await log).suggestedFilename()).toBe(`deletion-${id}.csv`);
});

test('after a purge the page keeps the proof, and offers no records and no restore', async (context) => {
  const place = await arrange(1_000, 30);
  const id = await beginDeletion(place);
  const { result } = await place.api.finish(id);
  const platform = await stack().asRole('platform');
  await platform.succeed('POST', `/v1/backups/${result!.backups![0]!.id}/purge`, {
    confirm: 'purge backup of 30 users',
    reason: 'a test',
  });
  const page = await openJob(context, id, { key: place.key });
  await page.getByText(/The records of the users were erased on/).waitFor();
  await page.getByRole('row', { name: 'Selected 30 users' }).waitFor();
  await page.getByText(result!.backups![0]!.sha256).waitFor();
  expect(await page.getByRole('tab', { name: 'Records' }).count()).toBe(0);
  expect(await page.getByRole('button', { name: 'Restore…' }).count()).toBe(0);
  expect(await page.getByRole('link', { name: /Download/ }).count()).toBe(0);
});

test('ops see the counts, and no user, file or log; the tab has the workspace', async (context) => {
  const place = await arrange(1_000, 30);
  const id = await beginDeletion(place);
  await place.api.finish(id);
  const page = await openJob(context, id, { key: await stack().roleKey('ops') });
  await page
    .getByRole('row', { name: 'deleted Deleted. A verified backup holds them. 30' })
    .waitFor();
  expect(await page.title()).toBe(`Deleted – ${place.workspaceId} – Keepsake`);
  expect(await page.getByRole('tab').allTextContents()).toEqual(['Files', 'Details']);
  await page.getByText('Kept until').waitFor();
  expect(await page.getByRole('link', { name: /Download/ }).count()).toBe(0);
  expect(await page.getByRole('button', { name: 'Restore…' }).count()).toBe(0);
  await page.getByRole('tab', { name: 'Details' }).click();
  await page.getByText('Users of a filter').waitFor({ state: 'hidden' });
  expect(await page.getByText('Paris').count()).toBe(0);
});

test('a count that moved needs an admin, which ops are informed of', async (context) => {
  const place = await arrange(1_000, 30);
  const id = await addMovedDeletion(stack(), place);
  const page = await openJob(context, id, { key: await stack().roleKey('ops') });
  await page.getByText('No user was deleted.').first().waitFor();
  await page.getByText('An admin must look again, then confirm the new number.').waitFor();
  expect(await page.getByRole('button', { name: 'Look again' }).count()).toBe(0);
});

test('a job that does not exist is reported with its request id', async (context) => {
  const place = await arrange(1, 1);
  const page = await open(context, '/jobs/01a22a61-a326-7fc5-9e43-d95e0c0056d6', {
    key: place.key,
    statuses: [404],
  });
  await page.getByRole('alert').getByText('Not found').waitFor();
  await page
    .getByRole('alert')
    .getByText(/^Request [0-9a-f-]{36}/)
    .waitFor();
});

test('exports, imports and restores have the same page', async (context) => {
  const place = await arrange(40, 30);
  const { api, key } = place;
  const { id: exported } = await api.succeed<{ id: string }>('POST', '/v1/exports', {
    selection: IN_PARIS,
  });
  await api.finish(exported);
  const page = await openJob(context, exported, { key });
  await page.getByRole('heading', { level: 2, name: '30 exported' }).waitFor();
  await page.getByRole('link', { name: 'Download file' }).waitFor();

  const csv = new Blob(['userId,email\nn-1,n1@example.com\nn-2,wrong\n'], { type: 'text/csv' });
  const { id: imported } = await api.importFile(csv, { mode: 'update' });
  await api.finish(imported);
  await page.goto(`/jobs/${imported}`);
  await page.getByRole('heading', { level: 1, name: 'Import of 2 lines' }).waitFor();
  await page.getByRole('heading', { level: 2, name: '1 imported, 1 not' }).waitFor();
  await page.getByRole('row', { name: 'email Not a mail address 3 1' }).waitFor();
  await page.getByRole('row', { name: 'failed Not possible. Nothing was changed. 1' }).waitFor();
  const [inTable, inBar] = await page.evaluate<string[]>(COLORS);
  expect(inTable).toMatch(/^rgb/);
  expect(inBar).toBe(inTable);
  await page.getByRole('link', { name: 'Download failed lines' }).waitFor();
  await page.getByRole('tab', { name: 'Records' }).click();
  await page.getByRole('tabpanel').getByRole('row').nth(1).waitFor();
  await page.getByRole('tab', { name: 'Details' }).click();
  await page.getByText('Asked for').waitFor();
  // An import is about a file, and selects nobody.
  expect(await page.getByText('Selection').count()).toBe(0);
});

test('the page of a job is accessible, and fits its window, in each theme and width', async (context) => {
  const place = await arrange(1_000, 60);
  const { id, page, free, freeAll } = await openSlowDeletion(context, place);
  await page.getByRole('progressbar', { name: 'Deleting' }).waitFor();
  const goOn = await holdJob(stack(), id);
  await freeAll();
  await expectAccessibleInEachLook(page);
  await goOn();
  await page.getByRole('heading', { level: 2, name: '58 deleted, 2 not' }).waitFor();
  await free();
  for (const tab of ['Files', 'Records', 'Details']) {
    await page.getByRole('tab', { name: tab }).click();
    await page.getByRole('tabpanel').waitFor();
    await expectAccessibleInEachLook(page);
  }
  await page.getByRole('button', { name: 'Restore…' }).click();
  await page.getByRole('dialog', { name: 'Restore 58 users?' }).waitFor();
  await expectAccessibleInEachLook(page);
});
