import type { Page, Request } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import type { ApiClient } from '../../../local/api-client.ts';
import { expectFitsWidths } from '../../support/browser/accessibility.ts';
import { moveUntil, pauseClock } from '../../support/browser/clock.ts';
import { holdUp } from '../../support/hold-up.ts';
import { useConsole } from '../../support/browser/console.ts';
import { unroute } from '../../support/browser/routes.ts';
import { addUsers, userIdOf, userList } from '../../support/browser/user-pages.ts';

const { stack, open } = useConsole();
const WORKSPACE = 'users-list';
let api: ApiClient;
let key = '';

beforeAll(async () => {
  api = await stack().workspace(WORKSPACE);
  await api.succeed('POST', '/v1/properties', { name: 'plan', type: 'string' });
  await addUsers(api, 120);
  await api.succeed('PATCH', `/v1/users/${userIdOf(2)}`, {
    legalHold: true,
    properties: { plan: 'gold' },
  });
  key = await stack().adminKey(WORKSPACE);
});

const firstId = async (page: Page): Promise<string> =>
  (await page.locator('tbody th').first().textContent()) ?? '';

test('pages go forward and back, also after a reload and by the Back button', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.range('1–25');
  await list.next();
  await list.range('26–50');
  expect(await firstId(page)).toBe(userIdOf(26));
  await list.next();
  await list.range('51–75');
  await page.reload();
  await list.range('51–75');
  expect(await firstId(page)).toBe(userIdOf(51));
  await list.previous();
  await list.range('26–50');
  await list.previous();
  await list.range('1–25');
  expect(await firstId(page)).toBe(userIdOf(1));
  await page.goBack();
  await list.range('26–50');
  await page.goBack();
  await list.range('51–75');
  await list.next();
  await list.range('76–100');
  await list.next();
  await list.range('101–120');
  await list.says('120 users');
  const next = page.getByRole('navigation', { name: 'Pages', exact: true });
  expect(await next.getByRole('button', { name: 'Next page' }).getAttribute('aria-disabled')).toBe(
    'true',
  );
});

test('a link to a page leads to it, and from there to the first page', async (context) => {
  const first = await open(context, '/users?limit=25', { key });
  await userList(first).next();
  await userList(first).range('26–50');
  const link = new URL(first.url());
  const page = await open(context, `${link.pathname}${link.search}`, { key });
  await page.getByText(userIdOf(26)).waitFor();
  await userList(page).previous();
  await userList(page).range('1–25');
});

test('a later page whose users were all deleted leads to the page before it', async (context) => {
  const workspaceId = 'users-emptied';
  await addUsers(await stack().workspace(workspaceId), 26);
  const page = await open(context, '/users?limit=25', { key: await stack().adminKey(workspaceId) });
  await userList(page).next();
  await page.getByText(userIdOf(26)).waitFor();
  const link = new URL(page.url());
  await stack().sql('DELETE FROM users WHERE workspace_id = $1 AND user_id = $2', [
    workspaceId,
    userIdOf(26),
  ]);
  for (const leave of [() => page.reload(), () => page.goto(`${link.pathname}${link.search}`)]) {
    await leave();
    await page.getByText('There are no users on this page.').waitFor();
    await userList(page).previous();
    await userList(page).range('1–25');
  }
});

test('the order is in the table and in the address', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const id = page.getByRole('columnheader', { name: 'Id' });
  await page.getByText(userIdOf(1), { exact: true }).waitFor();
  expect(await id.getAttribute('aria-sort')).toBe('ascending');
  await id.getByRole('button').click();
  await page.getByText(userIdOf(120)).waitFor();
  expect(await id.getAttribute('aria-sort')).toBe('descending');
  expect(new URL(page.url()).searchParams.get('sort')).toBe('-userId');
  await page.getByRole('columnheader', { name: 'Created' }).getByRole('button').click();
  expect(await id.getAttribute('aria-sort')).toBe('none');
});

test('columns are chosen, also custom ones, and stay for the workspace', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  await page.getByText(userIdOf(1), { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('searchbox', { name: 'Find a column' }).fill('pl');
  await page.getByRole('checkbox', { name: 'plan' }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('columnheader', { name: 'plan' }).waitFor();
  await page.reload();
  await page.getByRole('columnheader', { name: 'plan' }).waitFor();
  const row = userList(page).row(userIdOf(2));
  expect(await row.textContent()).toMatch(/Held.*gold/);
  const stored = await page.evaluate<string>('JSON.stringify(Object.entries(localStorage))');
  expect(stored).toContain('properties.plan');
  expect(stored).not.toMatch(/gold|ada-/);
});

test('typing sends one search, aborts the one before, and is one step back', async (context) => {
  const page = await open(context, '/users?limit=25', { key, hasClock: true });
  const list = userList(page);
  await list.says('120 users');
  const running = new Set<Request>();
  let sent = 0;
  page.on('request', (request) => {
    if (!request.url().includes('/v1/users?') || request.url().includes('count=')) return;
    running.add(request);
    sent += 1;
  });
  page.on('requestfinished', (request) => running.delete(request));
  page.on('requestfailed', (request) => running.delete(request));
  // Each search is still on its way when the next one begins.
  const { held, release } = holdUp();
  await page.route('**/v1/users?*', async (route) => {
    await held;
    await route.continue().catch(() => {});
  });
  await pauseClock(page);
  for (const [index, text] of ['ada-0', '1', '1'].entries()) {
    await list.search.pressSequentially(text);
    expect(sent).toBe(index);
    await moveUntil(page, () => sent > index);
    await expect.poll(() => running.size).toBe(1);
  }
  release();
  await page.clock.resume();
  await list.says('1 user');
  await page.getByText(userIdOf(11)).waitFor();
  expect(sent).toBe(3);
  await unroute(page, '**/v1/users?*');
  await page.goBack();
  await list.says('120 users');
  expect(await list.search.inputValue()).toBe('');
});

test('the rows never wait for the number of users', async (context) => {
  const page = await open(context, '/settings', { key });
  const { held, release } = holdUp();
  await page.route('**/v1/users?*count=exact*', async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole('link', { name: 'Users' }).click();
  await page.getByText(userIdOf(1), { exact: true }).waitFor();
  await userList(page).says('Counting…');
  release();
  await userList(page).says('120 users');
});

test('the rows of before stay until the next ones arrive, and cannot be selected or deleted', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.range('1–25');
  await list.box(userIdOf(2)).click();
  const { held, release } = holdUp();
  await page.route('**/v1/users?*cursor=*', async (route) => {
    await held;
    await route.continue();
  });
  await list.next();
  await page.locator('table[aria-busy=true]').waitFor();
  expect(await list.box(userIdOf(1)).isDisabled()).toBe(true);
  await page.getByRole('link', { name: userIdOf(1), exact: true }).focus();
  await page.keyboard.press('x');
  await page.keyboard.press('Delete');
  expect(await list.ticked()).toEqual([userIdOf(2)]);
  release();
  await list.range('26–50');
  await list.says('1 user is selected.');
  expect(new URL(page.url()).searchParams.get('do')).toBeNull();
  expect(await page.locator('table').getAttribute('aria-busy')).toBe('false');
});

test('without users, and without a match, the page names the next step', async (context) => {
  await stack().workspace('users-empty');
  const page = await open(context, '/users', { key: await stack().adminKey('users-empty') });
  await page.getByText('No users yet.').waitFor();
  const other = await open(context, '/users?q=nobody', { key });
  await other.getByText('No user matches.').waitFor();
  await other.getByRole('button', { name: 'Clear filter' }).click();
  await userList(other).says('120 users');
});

test('a failure shows its request id, and the next try shows the users', async (context) => {
  const page = await open(context, '/settings', { key, statuses: [500] });
  await page.route('**/v1/users?*', (route) =>
    route.fulfill({
      status: 500,
      contentType: 'application/problem+json',
      body: JSON.stringify({
        type: '/problems/internal',
        title: 'The server failed',
        status: 500,
        detail: 'The request failed.',
        requestId: 'b1946ac9-2492-4d4f-8c3a-5a0f6b1d2e3f',
      }),
    }),
  );
  await page.getByRole('link', { name: 'Users' }).click();
  const alert = page.getByRole('alert');
  await alert.getByText('b1946ac9-2492-4d4f-8c3a-5a0f6b1d2e3f').waitFor();
  await unroute(page, '**/v1/users?*');
  await alert.getByRole('button', { name: 'Try again' }).click();
  await userList(page).says('120 users');
});

test('an export of the selected users leads to its job, and has exactly these users', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.header.click();
  await list.button('Select all 120 users').click();
  await list.box(userIdOf(1)).click();
  await list.button('Download…').click();
  const dialog = page.getByRole('dialog', { name: 'Download users' });
  await dialog.getByText('The file gets all users, 1 left out.').waitFor();
  await dialog.getByRole('radio', { name: 'NDJSON' }).click();
  await dialog.getByRole('checkbox', { name: /^Compress/ }).click();
  await dialog.getByRole('checkbox', { name: /^Send a mail/ }).click();
  await dialog.getByRole('button', { name: 'Start the download' }).click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/);
  const id = page.url().split('/').at(-1)!;
  await api.finish(id);
  const lines = (await api.download(`/v1/exports/${id}/file`)).toString().trim().split('\n');
  const ids = lines.map((line) => (JSON.parse(line) as { userId: string }).userId);
  expect(ids.toSorted()).toEqual(Array.from({ length: 119 }, (_, index) => userIdOf(index + 2)));
});

test('deleting all users is locked, and says how it is asked for', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  await page.getByRole('button', { name: 'Actions' }).click();
  const remove = page.getByRole('menuitem', { name: 'Delete users… Select users first' });
  expect(await remove.getAttribute('aria-disabled')).toBe('true');
  await page.getByRole('menuitem', { name: /^Delete all users… Locked/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete all users' });
  await dialog.getByText('POST /v1/delete-all-requests').waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  expect(new URL(page.url()).searchParams.get('do')).toBeNull();
});

test('in a narrow window, the rest of a user is below the row', async (context) => {
  const page = await open(context, '/users?limit=25', { key, width: 400 });
  await page.getByText(userIdOf(2), { exact: true }).waitFor();
  expect(await page.getByRole('columnheader').allTextContents()).toEqual(['Id', 'Email', 'More']);
  const more = page.getByRole('button', { name: `More about ${userIdOf(2)}` });
  await more.click();
  expect(await more.getAttribute('aria-expanded')).toBe('true');
  await page.getByText('First name').waitFor();
});

/** The parts of the first mail between places for a break, each with its number of lines. */
const LINES_OF_PARTS = `[...document.querySelector('tbody tr td:nth-child(3)').childNodes]
  .filter((node) => node.nodeType === Node.TEXT_NODE)
  .map((node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [node.data, new Set([...range.getClientRects()].map(({ top }) => top)).size];
  })`;

test('in a narrow window a mail breaks after @ and dots, and not within a word', async (context) => {
  const page = await open(context, '/users?limit=25', { key, width: 400 });
  await page.route('**/v1/users?*', async (route) => {
    const answer = await route.fetch();
    const body = (await answer.json()) as { data: { email: string }[] };
    body.data[0]!.email = 'margarete.zimmer@strange.example';
    await route.fulfill({ response: answer, json: body });
  });
  await page.reload();
  await page.getByText('margarete.zimmer@strange.example').waitFor();
  expect(await page.evaluate(LINES_OF_PARTS)).toEqual([
    ['margarete.', 1],
    ['zimmer@', 1],
    ['strange.', 1],
    ['example', 1],
  ]);
});

test('a wide table scrolls in its card, and the page does not', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  await userList(page).header.click();
  await userList(page).says('All 25 users on this page are selected.');
  await expectFitsWidths(page, [640, 768, 900, 1_024]);
});
