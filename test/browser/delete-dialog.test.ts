import type { Locator, Page } from 'playwright-core';
import { expect, test, type TestContext } from 'vitest';
import { expectAccessibleInEachLook } from '../support/browser/accessibility.ts';
import { temporalAway } from '../support/browser/away.ts';
import { pauseClock, seeSoon } from '../support/browser/clock.ts';
import { type OpenOptions, useConsole } from '../support/browser/console.ts';
import {
  addMovedDeletion,
  addPlace,
  beginDeletion,
  countDeletions,
  moveToParis,
  openDialog,
  type Place,
  swapWithParis,
} from '../support/browser/deletions.ts';
import { loseAnswers } from '../support/browser/lost-answers.ts';
import { holdUp } from '../support/hold-up.ts';

const { stack, open } = useConsole();
let count = 0;

type ArrangeOptions = OpenOptions & { users?: number; inParis?: number };

/** A place with 150 users in Paris, with the page of a deletion that leads to the dialog. */
const arrange = async (
  context: TestContext,
  { users = 1_000, inParis = 149, ...options }: ArrangeOptions = {},
) => {
  count += 1;
  const place = await addPlace(stack(), `dialog-${count}`, { users, inParis });
  const id = await addMovedDeletion(stack(), place);
  const page = await open(context, `/jobs/${id}`, { key: place.key, ...options });
  return { place, page };
};

const fill = async (dialog: Locator, number: string, reason = 'They left'): Promise<void> => {
  await dialog.getByLabel('Reason').fill(reason);
  await dialog.getByLabel(/^Type/).fill(number);
};

const confirm = (dialog: Locator, number = '150') =>
  dialog.getByRole('button', { name: `Delete ${number} users` }).click();

/** Waits for the page of the started job, and returns its id. */
const arrive = async (page: Page): Promise<string> => {
  await page.getByRole('heading', { level: 1, name: 'Deletion of 150 users' }).waitFor();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  return new URL(page.url()).pathname.split('/').at(-1)!;
};

const usersIn = async ({ workspaceId }: Place, city: string): Promise<number> => {
  const [row] = await stack().sql<{ count: number }>(
    'SELECT count(*)::int AS count FROM users WHERE workspace_id = $1 AND city = $2',
    [workspaceId, city],
  );
  return row!.count;
};

test('users are deleted after a typed number, and come back by a restore', async (context) => {
  const { place, page } = await arrange(context);
  await stack().sql(
    `UPDATE users SET legal_hold = true WHERE workspace_id = $1 AND user_id = 'u-7'`,
    [place.workspaceId],
  );
  const dialog = await openDialog(page);
  await dialog.getByRole('heading', { name: 'Delete 149 users?' }).waitFor();
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Cancel');
  await dialog.getByText('1 more matches but is under legal hold; it stays.').waitFor();
  await dialog.getByText('15 % of 1,000').waitFor();
  await dialog.getByText(/^You can restore them until \d+ \w+ \d{4}, \d\d:\d\d/).waitFor();
  await dialog.getByText('Preview valid for 14 min').waitFor();
  expect(await dialog.getByRole('row').count()).toBe(6);
  await dialog.getByRole('button', { name: 'Show 100' }).click();
  expect(await dialog.getByRole('row').count()).toBe(101);

  await confirm(dialog, '149');
  await dialog.getByText('Write a reason.').waitFor();
  await expect.poll(() => page.evaluate('document.activeElement.name')).toBe('reason');
  await fill(dialog, '150');
  await confirm(dialog, '149');
  await dialog.getByText('Type 149.').waitFor();
  await fill(dialog, '149');
  await confirm(dialog, '149');

  await page.getByRole('heading', { level: 2, name: '149 deleted, 1 not' }).waitFor();
  expect(await page.title()).toBe(`Deleted – ${place.workspaceId} – Keepsake`);
  expect(await usersIn(place, 'Paris')).toBe(1);
  await page.getByRole('cell', { name: 'Under legal hold, so they stay.' }).waitFor();

  await page.getByRole('button', { name: 'Restore…' }).click();
  const restore = page.getByRole('dialog', { name: 'Restore 149 users?' });
  await restore.getByText('They come back as they were, byte for byte.').waitFor();
  await restore.getByRole('button', { name: 'Restore 149 users' }).click();
  await page.getByRole('heading', { level: 2, name: '149 restored' }).waitFor();
  expect(await usersIn(place, 'Paris')).toBe(150);
});

test('the command for the same request has its body and its key, and not the key of the person', async (context) => {
  const { page, place } = await arrange(context);
  const dialog = await openDialog(page);
  await fill(dialog, '150', "It's over");
  await dialog.getByRole('button', { name: 'Show API call' }).click();
  const command = await dialog.getByLabel('The request as a command').inputValue();
  expect(command).toContain('/v1/deletions');
  expect(command).toMatch(/"confirm":\{"count":150\}/);
  expect(command).toMatch(/Idempotency-Key: [0-9a-f]{32}/);
  expect(command).not.toContain(place.key);
});

test('a preview that expires is made anew, and a count that moved is shown before it is confirmed', async (context) => {
  const { page, place } = await arrange(context, { hasClock: true });
  const dialog = await openDialog(page);
  await fill(dialog, '150');
  await moveToParis(stack(), place.workspaceId, 29);
  await page.clock.runFor(15 * 60_000);
  await dialog.getByText('150 → 179 (+29).').waitFor();
  await dialog.getByText('29 more users match than you saw. Look again, then confirm.').waitFor();
  expect(await dialog.getByLabel('Type 179 to confirm').inputValue()).toBe('');

  await fill(dialog, '179');
  await confirm(dialog, '179');
  await expect
    .poll(() => page.evaluate('document.activeElement.textContent'))
    .toBe('I have looked again');
  expect(await countDeletions(stack(), place.workspaceId)).toBe(1);
  await dialog.getByRole('button', { name: 'I have looked again' }).click();
  await fill(dialog, '179');
  await confirm(dialog, '179');
  await page.getByRole('heading', { level: 2, name: '179 deleted' }).waitFor();
});

test('a preview that expires is looked at again, also if as many users match', async (context) => {
  const { page, place } = await arrange(context, { hasClock: true });
  const dialog = await openDialog(page);
  await dialog.getByText('City is “Paris”').waitFor();
  await fill(dialog, '150');
  await swapWithParis(stack(), place.workspaceId, 150);
  await page.clock.runFor(15 * 60_000);
  await dialog.getByText('As many users match now, but they may be others.').waitFor();
  expect(await dialog.getByLabel('Type 150 to confirm').inputValue()).toBe('');
  await fill(dialog, '150');
  await confirm(dialog);
  await expect
    .poll(() => page.evaluate('document.activeElement.textContent'))
    .toBe('I have looked again');
  expect(await countDeletions(stack(), place.workspaceId)).toBe(1);
});

test('if the server refuses an expired preview, nothing starts, and a new one is asked about', async (context) => {
  const { page, place } = await arrange(context, { statuses: [410] });
  const dialog = await openDialog(page);
  await fill(dialog, '150');
  await stack().sql(
    `UPDATE previews SET expires_at = now() - interval '1 minute' WHERE workspace_id = $1`,
    [place.workspaceId],
  );
  await confirm(dialog);
  await dialog.getByText('Nothing was started: the preview was no longer valid.').waitFor();
  expect(await countDeletions(stack(), place.workspaceId)).toBe(1);
  await dialog.getByRole('button', { name: 'I have looked again' }).click();
  await fill(dialog, '150');
  await confirm(dialog);
  const id = await arrive(page);
  expect(await place.api.finish(id)).toMatchObject({ counts: { deleted: 150 } });
});

test('a deletion of nearly everyone leads to Delete all, with the share', async (context) => {
  const { page, place } = await arrange(context, { statuses: [409] });
  await moveToParis(stack(), place.workspaceId, 810);
  await page.getByRole('button', { name: 'Look again' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete users?' });
  const words = 'This deletion and those that run would delete 960 of 1,000 users.';
  await dialog.getByText(words).waitFor();
  await dialog.getByText('96 % of 1,000').waitFor();
  await dialog.getByText('Users of a filter').waitFor();
  await dialog.getByText('More than 90 % needs an approval').waitFor();
  expect(await dialog.getByText('added later').count()).toBe(0);
  expect(await dialog.getByRole('button', { name: /^Delete/ }).count()).toBe(0);

  await dialog.getByRole('link', { name: 'ask to delete all users' }).click();
  await page.getByRole('dialog', { name: 'Delete all users' }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/users');
});

test('users that were added after a deletion do not lower its share, and the dialog says so', async (context) => {
  const { page, place } = await arrange(context, { inParis: 29, statuses: [409] });
  await place.api.finish(await beginDeletion(place));
  await moveToParis(stack(), place.workspaceId, 930);
  await stack().sql(
    `INSERT INTO users (workspace_id, user_id) SELECT $1, 'new-' || n FROM generate_series(1, 500) AS n`,
    [place.workspaceId],
  );
  await page.getByRole('button', { name: 'Look again' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete users?' });
  const words = 'This deletion, those that run and recent ones would delete 960 of 1,000 users.';
  await dialog.getByText(words).waitFor();
  await dialog.getByText('Users that were added later do not count.').waitFor();
});

test('where all users are held, or none is left, there is no button', async (context) => {
  const { page, place } = await arrange(context);
  const { workspaceId } = place;
  await stack().sql(`UPDATE users SET legal_hold = true WHERE workspace_id = $1`, [workspaceId]);
  await page.getByRole('button', { name: 'Look again' }).click();
  const dialog = page.getByRole('dialog', { name: 'Nobody can be deleted' });
  await dialog.getByText('All users that match are under legal hold.').waitFor();
  expect(await dialog.getByRole('button', { name: /^Delete/ }).count()).toBe(0);
  await dialog.getByRole('button', { name: 'Close' }).last().click();

  await stack().sql(`UPDATE users SET city = 'Lyon' WHERE workspace_id = $1`, [workspaceId]);
  await page.getByRole('button', { name: 'Look again' }).click();
  await dialog.getByText('No user matches any more').waitFor();
});

test('a preview that was confirmed before leads to its job', async (context) => {
  const { page, place } = await arrange(context, { statuses: [409] });
  const previewed = page.waitForResponse('**/v1/deletion-previews');
  const dialog = await openDialog(page);
  const { id: previewId } = (await (await previewed).json()) as { id: string };
  const { id } = await place.api.succeed<{ id: string }>('POST', '/v1/deletions', {
    previewId,
    confirm: { count: 150 },
    reason: 'In another tab',
  });
  await fill(dialog, '150');
  await confirm(dialog);
  expect(await arrive(page)).toBe(id);
  expect(await countDeletions(stack(), place.workspaceId)).toBe(2);
});

test('a double click starts one job', async (context) => {
  const { page, place } = await arrange(context);
  const dialog = await openDialog(page);
  await fill(dialog, '150');
  await dialog.getByRole('button', { name: 'Delete 150 users' }).dblclick();
  await arrive(page);
  expect(await countDeletions(stack(), place.workspaceId)).toBe(2);
});

const DELETIONS = '**/v1/deletions';

test('if the connection is lost, the same key is sent again, and one job has started', async (context) => {
  const { page, place } = await arrange(context, { isCut: true, hasClock: true });
  const { sent, keys, mend } = await loseAnswers(page, DELETIONS, { reaches: true });
  const dialog = await openDialog(page);
  await fill(dialog, '150');
  // While the clock stands still, only the button sends again.
  await pauseClock(page);
  await confirm(dialog);
  await seeSoon(page, dialog.getByText('No answer came: it may have started.'));
  await seeSoon(page, dialog.getByText(/with the same key, so it cannot start twice\.$/));
  expect(await dialog.getByLabel('Reason').isDisabled()).toBe(true);
  mend();
  await dialog.getByRole('button', { name: 'Try now' }).click();
  await page.clock.resume();
  await arrive(page);
  expect(sent.length).toBeGreaterThan(1);
  expect(keys()).toHaveLength(1);
  expect(await countDeletions(stack(), place.workspaceId)).toBe(2);
});

test('after a reload the unanswered deletion is sent again with its key, and one job has started', async (context) => {
  const { page, place } = await arrange(context, { isCut: true });
  const { sent, keys, mend } = await loseAnswers(page, DELETIONS, { reaches: true });
  const dialog = await openDialog(page);
  await fill(dialog, '150');
  await confirm(dialog);
  await dialog.getByText('No answer came').waitFor();
  await page.reload();
  mend();
  await page.getByRole('button', { name: 'Look again' }).click();
  const earlier = page.getByRole('dialog', { name: 'An earlier deletion' });
  await earlier.getByText('It may be about other users than those that you chose now.').waitFor();
  await earlier.getByText('Reason: They left').waitFor();
  await earlier.getByRole('button', { name: 'Delete those 150 users' }).click();
  await arrive(page);
  expect(sent.length).toBeGreaterThan(1);
  expect(keys()).toHaveLength(1);
  expect(await countDeletions(stack(), place.workspaceId)).toBe(2);
});

test('while Temporal is away, the job is saved, and is started by itself', async (context) => {
  const { page, place } = await arrange(context, { statuses: [503] });
  const { held, release } = holdUp();
  let sent = 0;
  await page.route(DELETIONS, async (route) => {
    sent += 1;
    if (sent === 1) return route.fulfill(temporalAway('r-1'));
    await held;
    return route.continue();
  });
  const dialog = await openDialog(page);
  await fill(dialog, '150');
  await confirm(dialog);
  await dialog.getByText('Saved, not yet started.').waitFor();
  await dialog.getByText('r-1').waitFor();
  release();
  await arrive(page);
  expect(await countDeletions(stack(), place.workspaceId)).toBe(2);
});

test('if the session ends meanwhile, the same request goes on after signing in', async (context) => {
  const { page, place } = await arrange(context, { statuses: [401] });
  const dialog = await openDialog(page);
  await fill(dialog, '150');
  await page.context().clearCookies();
  await confirm(dialog);
  const session = page.getByRole('dialog', { name: 'Your session has ended' });
  await session.getByLabel('Key', { exact: true }).fill(place.key);
  await session.getByRole('button', { name: 'Sign in' }).click();
  await arrive(page);
  expect(await countDeletions(stack(), place.workspaceId)).toBe(2);
});

test('below 100 users no number is typed, and Escape closes the dialog and returns the focus', async (context) => {
  const { page } = await arrange(context, { inParis: 4 });
  const dialog = await openDialog(page);
  expect(await dialog.getByLabel(/^Type/).count()).toBe(0);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Look again');
});

test('the dialog is accessible, and fits its window, in each theme and width', async (context) => {
  const { page } = await arrange(context);
  const dialog = await openDialog(page);
  await dialog.getByText('15 % of 1,000').waitFor();
  await dialog.getByRole('button', { name: 'Show API call' }).click();
  await confirm(dialog);
  await dialog.getByText('Write a reason.').waitFor();
  await expectAccessibleInEachLook(page);
});
