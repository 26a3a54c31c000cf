import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { useConsole } from '../../support/browser/console.ts';
import { addPlace } from '../../support/browser/deletions.ts';
import { loseAnswers } from '../../support/browser/lost-answers.ts';
import { holdUp } from '../../support/hold-up.ts';
import { userList } from '../../support/browser/user-pages.ts';

const { stack, open } = useConsole();

const openDownload = async (page: Page) => {
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('menuitem', { name: 'Download all user data' }).click();
  const dialog = page.getByRole('dialog', { name: 'Download users' });
  await dialog.getByText('The file gets all users.').waitFor();
  return dialog;
};

const formatsOf = async (workspaceId: string): Promise<string[]> => {
  const rows = await stack().sql<{ format: string }>(
    `SELECT options ->> 'format' AS format FROM jobs
      WHERE workspace_id = $1 AND type = 'export' ORDER BY created_at`,
    [workspaceId],
  );
  return rows.map(({ format }) => format);
};

test('a download that was cancelled without a network is not sent once it is back', async (context) => {
  const { key, workspaceId } = await addPlace(stack(), 'download-1', { users: 3, inParis: 1 });
  const page = await open(context, '/users', { key, isOffline: true });
  const first = await openDownload(page);
  await page.context().setOffline(true);
  await first.getByRole('button', { name: 'Start the download' }).click();
  await first.getByText('If you close this, the request is not sent again.').waitFor();
  expect(await first.getByRole('radio', { name: 'NDJSON' }).isDisabled()).toBe(true);
  await first.getByRole('button', { name: 'Cancel' }).click();
  await first.waitFor({ state: 'hidden' });
  await page.context().setOffline(false);

  const second = await openDownload(page);
  await second.getByRole('radio', { name: 'NDJSON' }).click();
  await second.getByRole('button', { name: 'Start the download' }).click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
  expect(await formatsOf(workspaceId)).toEqual(['ndjson']);
});

test('after a download that was closed without an answer, the same choice makes a new file', async (context) => {
  const { key, workspaceId } = await addPlace(stack(), 'download-2', { users: 3, inParis: 1 });
  const page = await open(context, '/users', { key, isCut: true });
  const { keys, mend } = await loseAnswers(page, '**/v1/exports', { reaches: true });
  const first = await openDownload(page);
  await first.getByRole('button', { name: 'Start the download' }).click();
  await first.getByText('No answer came: it may have started.').waitFor();
  await first.getByRole('button', { name: 'Cancel' }).click();
  await first.waitFor({ state: 'hidden' });
  mend();

  const second = await openDownload(page);
  expect(await second.getByText('An earlier download').count()).toBe(0);
  await second.getByRole('button', { name: 'Start the download' }).click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
  expect(keys()).toHaveLength(2);
  expect(await formatsOf(workspaceId)).toEqual(['csv', 'csv']);
});

test('after a reload, the same download leads to the one that has started', async (context) => {
  const { key, workspaceId } = await addPlace(stack(), 'download-3', { users: 3, inParis: 1 });
  const page = await open(context, '/users', { key, isCut: true });
  const { mend } = await loseAnswers(page, '**/v1/exports', { reaches: true });
  const dialog = await openDownload(page);
  await dialog.getByRole('button', { name: 'Start the download' }).click();
  await dialog.getByText('No answer came: it may have started.').waitFor();
  await page.reload();
  mend();
  await dialog.getByText('An earlier download had no answer').waitFor();
  await dialog.getByRole('button', { name: 'Start the download' }).click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
  expect(await formatsOf(workspaceId)).toEqual(['csv']);
});

test('a download without an answer stores nothing of its search', async (context) => {
  const { key } = await addPlace(stack(), 'download-4', { users: 30, inParis: 1 });
  const page = await open(context, '/users?limit=25&q=last', { key, isCut: true });
  const list = userList(page);
  await list.header.click();
  await list.button('Select all 30 users that match').click();
  await list.button('Download…').click();
  await page.route('**/v1/exports', (route) => route.abort('connectionreset'));
  const dialog = page.getByRole('dialog', { name: 'Download users' });
  await dialog.getByRole('button', { name: 'Start the download' }).click();
  await dialog.getByText('No answer came: it may have started.').waitFor();
  const stored = await page.evaluate<string>('JSON.stringify(Object.entries(sessionStorage))');
  expect(stored).toContain('keepsake-sent:export');
  expect(stored).not.toMatch(/last|excludeIds/);
});

test('a second click while the page of the download is loaded starts no second one', async (context) => {
  const { key, workspaceId } = await addPlace(stack(), 'download-5', { users: 3, inParis: 1 });
  const page = await open(context, '/users', { key });
  const dialog = await openDownload(page);
  const { held, release } = holdUp();
  await page.route('**/*.js', async (route) => {
    await held;
    return route.continue();
  });
  let sent = 0;
  page.on('request', (request) => {
    if (request.method() === 'POST') sent += 1;
  });
  const isAnswered = page.waitForResponse('**/v1/exports');
  const isLeading = page.waitForRequest('**/*.js');
  const start = dialog.getByRole('button', { name: 'Start the download' });
  await start.click();
  await Promise.all([isAnswered, isLeading]);
  await start.click({ force: true });
  release();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
  expect(sent).toBe(1);
  expect(await formatsOf(workspaceId)).toEqual(['csv']);
});
