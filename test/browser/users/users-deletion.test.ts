import type { Page } from 'playwright-core';
import { expect, test, type TestContext } from 'vitest';
import { type OpenOptions, useConsole } from '../../support/browser/console.ts';
import {
  addPlace,
  countDeletions,
  moveToParis,
  type Place,
} from '../../support/browser/deletions.ts';
import { loseAnswers } from '../../support/browser/lost-answers.ts';
import { unroute } from '../../support/browser/routes.ts';
import { userList } from '../../support/browser/user-pages.ts';

const { stack, open } = useConsole();
let count = 0;

/** A place with 30 users, and its list. */
const arrange = async (context: TestContext, options: OpenOptions = {}) => {
  count += 1;
  const place = await addPlace(stack(), `selected-${count}`, { users: 30, inParis: 10 });
  const page = await open(context, '/users?limit=50', { key: place.key, ...options });
  return { place, page, list: userList(page) };
};

/** Selects users, and opens the dialog that deletes them. */
const openFor = async (page: Page, ids: string[]) => {
  const list = userList(page);
  for (const id of ids) await list.box(id).click();
  await list.button('Delete…').click();
  return page.getByRole('dialog');
};

/** The confirmation of two users is cut before it reaches the server. */
const confirmWithoutAnswer = async (page: Page) => {
  const { sent, mend } = await loseAnswers(page, '**/v1/deletions');
  const dialog = await openFor(page, ['u-1', 'u-2']);
  await dialog.getByLabel('Reason').fill('They left');
  await dialog.getByRole('button', { name: 'Delete 2 users' }).click();
  await dialog.getByText('No answer came: it may have started.').waitFor();
  return { dialog, sent, mend };
};

/** Loads the list again, and opens the dialog for another user. */
const loadAndChoose = async (page: Page) => {
  await page.goto('/users?limit=50');
  await userList(page).button('Clear').click();
  await openFor(page, ['u-9']);
  const earlier = page.getByRole('dialog', { name: 'An earlier deletion' });
  await earlier.getByText('This is an earlier deletion of 2 users').waitFor();
  await earlier.getByText(/You confirmed it on \d+ \w+ \d{4}, \d\d:\d\d/).waitFor();
  return earlier;
};

const deletedIn = async ({ workspaceId }: Place): Promise<number> => {
  const [row] = await stack().sql<{ count: number }>(
    'SELECT count(*)::int AS count FROM users WHERE workspace_id = $1',
    [workspaceId],
  );
  return 30 - row!.count;
};

test.for(['Escape', 'Cancel', 'Back'])(
  'a deletion without an answer that is closed by %s is neither sent again nor offered',
  async (way, context) => {
    const { page, place, list } = await arrange(context, { isCut: true });
    const { dialog, sent, mend } = await confirmWithoutAnswer(page);
    await dialog
      .getByText(
        'If you close this, the request is not sent again. It may have started: look at the jobs.',
      )
      .waitFor();
    if (way === 'Escape') await page.keyboard.press('Escape');
    else if (way === 'Back') await page.goBack();
    else await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'hidden' });
    mend();
    expect(await page.evaluate<string>('JSON.stringify(sessionStorage)')).not.toContain(
      'They left',
    );
    await list.button('Clear').click();

    const next = await openFor(page, ['u-7', 'u-8', 'u-9']);
    await next.getByRole('heading', { name: 'Delete 3 users?' }).waitFor();
    await next.getByLabel('Reason').fill('Others');
    await next.getByRole('button', { name: 'Delete 3 users' }).click();
    await page.getByRole('heading', { level: 2, name: '3 deleted' }).waitFor();
    expect(sent.at(-1)?.body).toContain('Others');
    expect(sent.filter(({ body }) => body.includes('Others'))).toHaveLength(1);
    expect(await deletedIn(place)).toBe(3);
  },
);

test('after a reload the earlier deletion can be forgotten, and the selection is asked about', async (context) => {
  const { page, place } = await arrange(context, { isCut: true });
  const { sent, mend } = await confirmWithoutAnswer(page);
  const earlier = await loadAndChoose(page);
  mend();
  const before = sent.length;
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Forget it');
  await earlier.getByRole('button', { name: 'Forget it' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete 1 user?' });
  await dialog.getByLabel('Reason').waitFor();
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Cancel');
  await page.keyboard.press('Escape');
  await userList(page).says('1 user is selected.');
  await userList(page).button('Delete…').click();
  await dialog.getByText('1 chosen user').waitFor();
  expect(sent).toHaveLength(before);
  expect(await countDeletions(stack(), place.workspaceId)).toBe(0);
});

test('an earlier deletion whose dialog is closed by Escape is not offered again', async (context) => {
  const { page } = await arrange(context, { isCut: true });
  const { sent, mend } = await confirmWithoutAnswer(page);
  const earlier = await loadAndChoose(page);
  mend();
  const before = sent.length;
  await page.keyboard.press('Escape');
  await earlier.waitFor({ state: 'hidden' });
  await userList(page).says('1 user is selected.');
  await userList(page).button('Delete…').click();
  await page.getByRole('dialog', { name: 'Delete 1 user?' }).getByLabel('Reason').waitFor();
  expect(sent).toHaveLength(before);
});

test('the earlier deletion deletes its own users, and the present selection stays', async (context) => {
  const { page, place } = await arrange(context, { isCut: true });
  const { mend } = await confirmWithoutAnswer(page);
  const earlier = await loadAndChoose(page);
  mend();
  await earlier.getByRole('button', { name: 'Delete those 2 users' }).click();
  await page.getByRole('heading', { level: 2, name: '2 deleted' }).waitFor();
  expect(await deletedIn(place)).toBe(2);
  await page.goBack();
  await userList(page).says('1 user is selected.');
  expect(await userList(page).ticked()).toEqual(['u-9']);
});

test('an earlier deletion that is refused never turns into the present selection', async (context) => {
  const { page, place } = await arrange(context, { isCut: true, statuses: [410] });
  const { mend } = await confirmWithoutAnswer(page);
  const earlier = await loadAndChoose(page);
  mend();
  await stack().sql(
    `UPDATE previews SET expires_at = now() - interval '1 minute' WHERE workspace_id = $1`,
    [place.workspaceId],
  );
  await earlier.getByRole('button', { name: 'Delete those 2 users' }).click();
  const words = 'The earlier deletion of 2 users was not started: its preview was no longer valid.';
  await earlier.getByText(words).waitFor();
  expect(await earlier.getByRole('button', { name: /^Delete/ }).count()).toBe(0);
  await earlier.getByRole('button', { name: 'Go on to the users chosen now' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete 1 user?' });
  await dialog.getByLabel('Reason').waitFor();
  expect(await dialog.getByText('This is a new one.').count()).toBe(0);
  expect(await countDeletions(stack(), place.workspaceId)).toBe(0);
});

test('Back from the started job does not open the dialog again', async (context) => {
  const { page, list } = await arrange(context);
  const dialog = await openFor(page, ['u-1', 'u-2']);
  await dialog.getByLabel('Reason').fill('They left');
  await dialog.getByRole('button', { name: 'Delete 2 users' }).click();
  await page.getByRole('heading', { level: 2, name: '2 deleted' }).waitFor();
  await page.goBack();
  await list.says('28 users');
  const { pathname, searchParams } = new URL(page.url());
  expect([pathname, searchParams.has('do')]).toEqual(['/users', false]);
  expect(await page.getByRole('dialog').count()).toBe(0);
  await page.goForward();
  await page.getByRole('heading', { level: 2, name: '2 deleted' }).waitFor();
});

test('the address of the dialog without selected users shows the list alone', async (context) => {
  const { page, list } = await arrange(context);
  await list.says('30 users');
  await page.goto('/users?limit=50&do=delete');
  await page.waitForURL((url) => !url.searchParams.has('do'));
  await list.says('30 users');
  expect(new URL(page.url()).searchParams.get('limit')).toBe('50');
});

/** Selects all 30 users of a segment, and leaves two out. */
const selectSegment = async (context: TestContext, options: OpenOptions = {}) => {
  const { page, place } = await arrange(context, options);
  await moveToParis(stack(), place.workspaceId, 17);
  const filter = { field: 'city', op: 'is', value: 'Paris' };
  const { id } = await place.api.succeed<{ id: string }>('POST', '/v1/segments', {
    name: 'Eyes',
    filter,
  });
  await page.goto(`/users?limit=25&segment=${id}`);
  const list = userList(page);
  await list.header.click();
  await list.button("Select all 27 users in 'Eyes'").click();
  for (const left of ['u-1', 'u-10']) await list.box(left).click();
  await list.says('25 of 27 selected (2 left out).');
  return { page, place, list };
};

test('a number that moved since the list was counted is shown before all are deleted', async (context) => {
  const { page, place, list } = await selectSegment(context);
  await moveToParis(stack(), place.workspaceId, 3);
  await list.button('Delete…').click();
  const dialog = page.getByRole('dialog', { name: 'Delete 28 users?' });
  await dialog.getByText('25 → 28 (+3).').waitFor();
  await dialog.getByText("segment 'Eyes', 2 left out").waitFor();
  await dialog.getByLabel('Reason').fill('They left');
  await dialog.getByRole('button', { name: 'Delete 28 users' }).click();
  await expect
    .poll(() => page.evaluate('document.activeElement.textContent'))
    .toBe('I have looked again');
  expect(await countDeletions(stack(), place.workspaceId)).toBe(0);
  await dialog.getByRole('button', { name: 'I have looked again' }).click();
  await dialog.getByRole('button', { name: 'Delete 28 users' }).click();
  await page.getByRole('heading', { level: 2, name: '28 deleted' }).waitFor();
});

/** Somebody else gives the segment another filter, by which as many users match. */
const exchangeSegment = async ({ api }: Place) => {
  const { data } = await api.succeed<{ data: { id: string }[] }>('GET', '/v1/segments');
  const others = { or: [5, 6, 7].map((n) => ({ field: 'userId', op: 'is', value: `u-${n}` })) };
  await api.succeed('PATCH', `/v1/segments/${data[0]!.id}`, {
    filter: { and: [{ field: 'city', op: 'isKnown' }, { not: others }] },
  });
};

/** Expects that the dialog asks again, for this reason, and that nothing has started. */
const expectAskedAgain = async (page: Page, place: Place, reason: string) => {
  const dialog = page.getByRole('dialog', { name: 'Delete 25 users?' });
  await dialog.getByText(reason).waitFor();
  await dialog.getByText(/^City is known and not \(.*“u-5”/).waitFor();
  await dialog.getByLabel('Reason').fill('They left');
  await dialog.getByRole('button', { name: 'Delete 25 users' }).click();
  await expect
    .poll(() => page.evaluate('document.activeElement.textContent'))
    .toBe('I have looked again');
  expect(await countDeletions(stack(), place.workspaceId)).toBe(0);
  return dialog;
};

const CHANGED = 'Somebody has changed the segment since the list was read.';

test('a segment that was changed since the list was read is shown before all are deleted', async (context) => {
  const { page, place, list } = await selectSegment(context);
  await exchangeSegment(place);
  await list.button('Delete…').click();
  const dialog = await expectAskedAgain(page, place, CHANGED);
  // The list behind the dialog has the users of the new filter, too.
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await list.box('u-5').waitFor({ state: 'hidden' });
});

test('a changed segment is shown also while the list cannot be read again, and after a reload', async (context) => {
  const { page, place, list } = await selectSegment(context, { isCut: true });
  await page.route('**/v1/users?*', (route) => route.abort('connectionreset'));
  await page.route('**/v1/segments?*', (route) => route.abort('connectionreset'));
  await exchangeSegment(place);
  await list.button('Delete…').click();
  const dialog = await expectAskedAgain(page, place, CHANGED);
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await list.button('Delete…').click();
  await expectAskedAgain(page, place, CHANGED);

  await unroute(page);
  await page.reload();
  await expectAskedAgain(page, place, 'The list is loaded again');
});

test('all users of a list that nobody has seen are looked at again', async (context) => {
  const { page, place, list } = await selectSegment(context, { isCut: true });
  await page.route('**/v1/users?*', (route) => route.abort('connectionreset'));
  await page.reload();
  await exchangeSegment(place);
  await list.button('Delete…').click();
  await page.getByRole('dialog', { name: 'Delete 25 users?' }).waitFor();
  await unroute(page);
  await expectAskedAgain(page, place, 'The list is loaded again');
});

test('all users of a list that came while the dialog was loaded are looked at again', async (context) => {
  const { page, place, list } = await selectSegment(context, { isCut: true });
  await page.route('**/v1/users?*', (route) => route.abort('connectionreset'));
  await page.reload();
  await exchangeSegment(place);
  await page.route('**/assets/delete-dialog*.js', async (route) => {
    await list.box('u-2').waitFor();
    await route.continue();
  });
  const isLoading = page.waitForRequest('**/assets/delete-dialog*.js');
  await list.button('Delete…').click();
  await isLoading;
  await unroute(page, '**/v1/users?*');
  await expectAskedAgain(page, place, 'The list is loaded again');
});

test('the users that were left out and do not exist are counted among all left out', async (context) => {
  const { page, place, list } = await selectSegment(context);
  await stack().sql(`DELETE FROM users WHERE workspace_id = $1 AND user_id = 'u-1'`, [
    place.workspaceId,
  ]);
  await list.button('Delete…').click();
  const dialog = page.getByRole('dialog', { name: 'Delete 25 users?' });
  await dialog.getByText('1 of the 2 users that you left out does not exist.').waitFor();
  expect(await dialog.getByRole('button', { name: 'I have looked again' }).count()).toBe(0);
});

test('a duplicated tab deletes its own users, once, though it began with the key of the other', async (context) => {
  const { page, place } = await arrange(context, { statuses: [422] });
  const dialog = await openFor(page, ['u-1', 'u-2']);
  await dialog.getByLabel('Reason').fill('They left');
  const items = await page.evaluate<string>('JSON.stringify({ ...sessionStorage })');
  const tab = await page.context().newPage();
  await tab.addInitScript(`if (sessionStorage.length === 0)
    Object.assign(sessionStorage, JSON.parse(${JSON.stringify(items)}))`);
  await tab.goto('/users?limit=50');
  await userList(tab).button('Clear').click();
  await dialog.getByRole('button', { name: 'Delete 2 users' }).click();
  await page.getByRole('heading', { level: 2, name: '2 deleted' }).waitFor();

  const other = await openFor(tab, ['u-7', 'u-8', 'u-9']);
  await other.getByLabel('Reason').fill('Others');
  await other.getByRole('button', { name: 'Delete 3 users' }).click();
  await tab.getByRole('heading', { level: 2, name: '3 deleted' }).waitFor();
  expect(await countDeletions(stack(), place.workspaceId)).toBe(2);
  expect(await deletedIn(place)).toBe(5);
});
