import type { Page } from 'playwright-core';
import { expect, test, type TestContext } from 'vitest';
import { expectAccessibleInEachLook } from '../support/browser/accessibility.ts';
import { type OpenOptions, useConsole } from '../support/browser/console.ts';
import { databaseAway } from '../support/browser/away.ts';
import { addPlace, beginDeletion } from '../support/browser/deletions.ts';
import { loseAnswers } from '../support/browser/lost-answers.ts';
import { unroute } from '../support/browser/routes.ts';

const { stack, open } = useConsole();
let count = 0;

/** The page of a deletion of 20 users that are not there again. */
const arrange = async (context: TestContext, options: OpenOptions) => {
  count += 1;
  const place = await addPlace(stack(), `restore-${count}`, { users: 100, inParis: 20 });
  const id = await beginDeletion(place);
  await place.api.finish(id);
  const page = await open(context, `/jobs/${id}`, { key: place.key, ...options });
  return { place, page, id };
};

const openRestore = async (page: Page, users = 20) => {
  await page.getByRole('button', { name: 'Restore…' }).click();
  const dialog = page.getByRole('dialog', { name: `Restore ${users} users?` });
  await dialog.waitFor();
  return dialog;
};

const countRestores = async (workspaceId: string): Promise<number> => {
  const [row] = await stack().sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM jobs WHERE workspace_id = $1 AND type = 'restore'`,
    [workspaceId],
  );
  return row!.count;
};

const RESTORES = '**/v1/backups/*/restores';

test('a restore that was closed without an answer is forgotten, and the next one sends its own fields', async (context) => {
  const { page, place } = await arrange(context, { isCut: true });
  await page.route(RESTORES, (route) => route.abort('connectionreset'));
  const first = await openRestore(page);
  await first.getByLabel('Reason').fill('The first reason');
  await first.getByRole('button', { name: 'Restore 20 users' }).click();
  await first.getByText('If you close this, the request is not sent again.').waitFor();
  await first.getByRole('button', { name: 'Cancel' }).click();
  await first.waitFor({ state: 'hidden' });
  await unroute(page, RESTORES);

  const second = await openRestore(page);
  expect(await second.getByLabel('Reason').inputValue()).toBe('');
  await second.getByLabel('Reason').fill('The second reason');
  await second.getByRole('checkbox', { name: /^Send a mail/ }).click();
  await second.getByRole('button', { name: 'Restore 20 users' }).click();
  await page.getByRole('heading', { level: 2, name: '20 restored' }).waitFor();
  expect(
    await stack().sql(
      `SELECT reason, options -> 'notify' AS notify FROM jobs WHERE workspace_id = $1 AND type = 'restore'`,
      [place.workspaceId],
    ),
  ).toEqual([{ reason: 'The second reason', notify: false }]);
});

test('after a reload the unanswered restore is shown as it was, and is sent with its key', async (context) => {
  const { page, place } = await arrange(context, { isCut: true });
  const { sent, keys, mend } = await loseAnswers(page, RESTORES);
  const first = await openRestore(page);
  await first.getByLabel('Reason').fill('The first reason');
  await first.getByRole('button', { name: 'Restore 20 users' }).click();
  await first.getByText('No answer came').waitFor();
  await page.reload();
  mend();

  const second = await openRestore(page);
  await second.getByText('An earlier restore had no answer.').waitFor();
  expect(await second.getByLabel('Reason').inputValue()).toBe('The first reason');
  expect(await second.getByLabel('Reason').isDisabled()).toBe(true);
  await second.getByRole('button', { name: 'Restore 20 users' }).click();
  await page.getByRole('heading', { level: 2, name: '20 restored' }).waitFor();
  expect(sent.length).toBeGreaterThan(1);
  expect(keys()).toHaveLength(1);
  expect(await countRestores(place.workspaceId)).toBe(1);
});

const OTHER_BACKUP = '01a22a61-a326-7fc5-9e43-d95e0c0056d6';

/** As if the deletion had two backups, and the second one had 5 users. */
const addBackup = async (page: Page, id: string): Promise<void> => {
  await page.route(`**/v1/jobs/${id}`, async (route) => {
    const answer = await route.fetch();
    const job = (await answer.json()) as { result: { backups: { id: string }[] } };
    const [backup] = job.result.backups;
    job.result.backups = [backup!, { ...backup!, id: OTHER_BACKUP }];
    await route.fulfill({ response: answer, json: job });
  });
  // The stream would report the job without the other backup.
  await page.route(`**/v1/jobs/${id}/events`, (route) => route.abort('connectionreset'));
  await page.route(`**/v1/backups/${OTHER_BACKUP}/restore-previews`, (route) =>
    route.fulfill({ json: { selected: 5, restorable: 5, present: 0 } }),
  );
};

test('while the server is away, the dialog goes on saying that a part has started', async (context) => {
  const { page, place, id } = await arrange(context, { statuses: [404, 503], isCut: true });
  await addBackup(page, id);
  let isAway = true;
  let sent = 0;
  await page.route(RESTORES, (route) => {
    const isOther = route.request().url().includes(OTHER_BACKUP);
    if (!isOther) sent += 1;
    return isOther && isAway ? route.fulfill(databaseAway('r-11')) : route.continue();
  });
  await page.reload();
  const question = await openRestore(page, 25);
  await question.getByRole('button', { name: 'Restore 25 users' }).click();
  const words = 'A part has started, and the rest has not yet: the database is away.';
  await question.getByText(words).waitFor();
  const again = page.waitForResponse((response) => response.url().includes(OTHER_BACKUP));
  await question.getByRole('button', { name: 'Try now' }).click();
  await again;
  await question.getByText(words).waitFor();
  expect(sent).toBe(1);
  isAway = false;
  await question.getByRole('button', { name: 'Try now' }).click();
  const dialog = page.getByRole('dialog', { name: 'Not all users are being restored' });
  await dialog.getByText('1 restore has started. 1 other was refused.').waitFor();
  expect(await countRestores(place.workspaceId)).toBe(1);
});

test('where the second of two restores is refused, the dialog says that the first has started', async (context) => {
  const { page, place, id } = await arrange(context, { statuses: [404], isCut: true });
  await addBackup(page, id);
  await page.reload();
  const question = await openRestore(page, 25);
  await question.getByRole('button', { name: 'Restore 25 users' }).click();

  const dialog = page.getByRole('dialog', { name: 'Not all users are being restored' });
  await dialog.getByText('1 restore has started. 1 other was refused.').waitFor();
  await dialog
    .getByRole('alert')
    .getByText(/^Request [0-9a-f-]{36}/)
    .waitFor();
  expect(await dialog.getByRole('button', { name: /^Restore/ }).count()).toBe(0);
  await expectAccessibleInEachLook(page);
  await dialog.getByRole('button', { name: 'Go to the restore' }).click();
  await page.getByRole('heading', { level: 2, name: '20 restored' }).waitFor();
  expect(await countRestores(place.workspaceId)).toBe(1);
});
