import { beforeAll, expect, test } from 'vitest';
import { pauseClock } from '../../support/browser/clock.ts';
import { useConsole } from '../../support/browser/console.ts';
import { addUsers, userIdOf, userList } from '../../support/browser/user-pages.ts';

const { stack, open } = useConsole();
const WORKSPACE = 'users-selection';
let key = '';
let segmentId = '';

beforeAll(async () => {
  const api = await stack().workspace(WORKSPACE);
  await addUsers(api, 120);
  const filter = { field: 'country', op: 'is', value: 'FR' };
  const segment = { name: 'Churned 2024', filter };
  ({ id: segmentId } = await api.succeed<{ id: string }>('POST', '/v1/segments', segment));
  key = await stack().adminKey(WORKSPACE);
});

const sessionItems = 'JSON.stringify(Object.entries(sessionStorage))';

test('the header selects the page, the banner all, and some can be left out', async (context) => {
  const page = await open(context, `/users?segment=${segmentId}&limit=25`, { key });
  const list = userList(page);
  await list.says('80 users');
  await list.header.click();
  await list.says('All 25 users on this page are selected.');
  await list.button("Select all 80 users in 'Churned 2024'").click();
  await list.says("All 80 users in 'Churned 2024' are selected.");

  for (const number of [1, 2, 4]) await list.box(userIdOf(number)).click();
  await list.says('77 of 80 selected (3 left out).');
  expect(await page.evaluate('document.querySelector("thead input").indeterminate')).toBe(true);

  await list.next();
  await list.range('26–50');
  expect(await list.ticked()).toHaveLength(25);
  await list.says('77 of 80 selected (3 left out).');
  await list.button('Clear').click();
  await list.says('Nothing is selected now.');
  await list.button('Undo').click();
  await list.says('77 of 80 selected (3 left out).');
});

test('a double click on "Select all" does not reach the button that comes in its place', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.says('120 users');
  await list.header.click();
  const all = (await list.button('Select all 120 users').boundingBox())!;
  const [x, y] = [all.x + all.width / 2, all.y + all.height / 2];
  await page.mouse.click(x, y);
  await list.says('All 120 users are selected.');
  const next = `document.elementFromPoint(${x}, ${y}).closest('button').textContent`;
  expect(await page.evaluate(next)).toBe('Download…');
  await page.mouse.down({ clickCount: 2 });
  await page.mouse.up({ clickCount: 2 });
  expect(new URL(page.url()).searchParams.get('do')).toBeNull();
  await list.button('Download…').click();
  await page.waitForURL(/do=download-selected/);
});

test('a selection stays through other pages, orders and a reload; only ids are stored', async (context) => {
  const page = await open(context, '/users?q=ada&limit=25', { key });
  const list = userList(page);
  await list.box(userIdOf(3)).click();
  await list.next();
  await list.range('26–50');
  await list.box(userIdOf(30)).click();
  await list.says('2 users are selected.');
  await page.getByRole('button', { name: 'Id' }).click();
  await page.getByText(userIdOf(120)).waitFor();
  await list.says('2 users are selected.');
  await page.reload();
  await list.says('2 users are selected.');
  await page.getByRole('button', { name: 'Id' }).click();
  await page.getByText(userIdOf(1), { exact: true }).waitFor();
  expect(await list.ticked()).toEqual([userIdOf(3)]);

  const stored = await page.evaluate<string>(sessionItems);
  expect(stored).toContain(userIdOf(30));
  expect(stored).not.toMatch(/example\.com|"ada"/);
});

test('another filter clears the selection and says so; Undo and Back bring it back', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.box(userIdOf(1)).click();
  await list.box(userIdOf(7)).click();
  await list.search.fill('ada-01');
  await list.says('The filter changed, so nothing is selected.');
  await list.says('10 users');
  expect(await list.ticked()).toEqual([]);
  await list.button('Undo').click();
  await list.says('2 users are selected.');
  expect(await list.ticked()).toEqual([userIdOf(1), userIdOf(7)]);
  expect(await list.search.inputValue()).toBe('');

  await list.search.fill('ada-02');
  await list.says('The filter changed');
  await page.waitForURL(/q=ada-02/);
  await page.goBack();
  await list.says('2 users are selected.');
});

test('nothing of the old list can be used from the first key press of a search', async (context) => {
  const page = await open(context, '/users?q=ada-0&limit=25', { key, hasClock: true });
  const list = userList(page);
  await list.header.click();
  await list.button('Select all 99 users that match').click();
  await list.says('All 99 users that match are selected.');
  await pauseClock(page);
  await list.search.press('End');
  await list.search.press('1');
  await list.says('The filter changed, so nothing is selected.');
  expect(await list.button('Delete…').count()).toBe(0);
  expect(await list.header.isDisabled()).toBe(true);
  expect(await list.ticked()).toEqual([]);
  expect(new URL(page.url()).searchParams.get('q')).toBe('ada-0');

  await list.button('Undo').click();
  await list.says('All 99 users that match are selected.');
  expect(await list.search.inputValue()).toBe('ada-0');
  await page.clock.runFor(1_000);
  expect(new URL(page.url()).searchParams.get('q')).toBe('ada-0');
});

test('a dialog that opens while typing has not rested is of the typed search, and stays', async (context) => {
  const page = await open(context, '/users?q=ada-0&limit=25', { key, hasClock: true });
  const list = userList(page);
  await list.says('99 users');
  await pauseClock(page);
  await list.search.press('End');
  await list.search.press('1');
  await page.getByRole('button', { name: 'Filter' }).click();
  const dialog = page.getByRole('dialog', { name: 'Filter users' });
  await page.clock.resume();
  await dialog.waitFor();
  await expect.poll(() => page.locator('[data-user]').count()).toBe(10);
  expect(await dialog.isVisible()).toBe(true);
  const { searchParams } = new URL(page.url());
  expect([searchParams.get('q'), searchParams.get('do')]).toEqual(['ada-01', 'filter']);
  await page.goBack();
  await dialog.waitFor({ state: 'hidden' });
  await list.says('10 users');
  expect(await list.search.inputValue()).toBe('ada-01');
});

test('once another user is selected, what was cleared does not come back', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.box(userIdOf(1)).click();
  await list.search.fill('ada-01');
  await list.says('The filter changed');
  await list.box(userIdOf(15)).click();
  await list.says('1 user is selected.');
  await page.goBack();
  await list.says('The filter changed');
  expect(await list.ticked()).toEqual([]);
});

test('Shift and a click select a range, in both directions', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.box(userIdOf(8)).click();
  await list.box(userIdOf(5)).click({ modifiers: ['Shift'] });
  await list.says('4 users are selected.');
  expect(await list.ticked()).toEqual([5, 6, 7, 8].map(userIdOf));
  await list.box(userIdOf(6)).click();
  await list.box(userIdOf(8)).click({ modifiers: ['Shift'] });
  expect(await list.ticked()).toEqual([userIdOf(5)]);
});

test('after the selection was cleared or brought back, Shift and a click tick one user', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.box(userIdOf(2)).click();
  await list.button('Clear').click();
  await list.box(userIdOf(9)).click({ modifiers: ['Shift'] });
  expect(await list.ticked()).toEqual([userIdOf(9)]);
  await list.button('Clear').click();
  await list.button('Undo').click();
  await list.box(userIdOf(5)).click({ modifiers: ['Shift'] });
  expect(await list.ticked()).toEqual([5, 9].map(userIdOf));
  await list.search.fill('ada-0');
  await list.says('99 users');
  await list.box(userIdOf(12)).click({ modifiers: ['Shift'] });
  expect(await list.ticked()).toEqual([userIdOf(12)]);
});

test('keys select, clear, bring back, and open the dialog to delete', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.box(userIdOf(1)).focus();
  await page.keyboard.press('x');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('x');
  expect(await list.ticked()).toEqual([userIdOf(1), userIdOf(3)]);
  await page.keyboard.press('Escape');
  await list.says('Nothing is selected now.');
  await page.keyboard.press('Delete');
  expect(new URL(page.url()).searchParams.get('do')).toBeNull();
  await list.button('Undo').press('Enter');
  await list.says('2 users are selected.');
  await page.keyboard.press('Delete');
  await page.waitForURL(/do=delete/);
  await page.goBack();
  await page.waitForURL((url) => !url.searchParams.has('do'));
  await list.says('2 users are selected.');

  await page.keyboard.press('/');
  await page.keyboard.type('ada-02');
  await list.says('10 users');
});

test('no key acts on the page below a dialog, also if nothing has the focus', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  const blur = () => page.evaluate('document.activeElement.blur()');
  await list.box(userIdOf(1)).focus();
  await page.keyboard.press('x');
  await list.says('1 user is selected.');
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await help.waitFor();
  await blur();
  await page.keyboard.press('Delete');
  await page.keyboard.press('/');
  expect(new URL(page.url()).searchParams.get('do')).toBeNull();
  await blur();
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'hidden' });
  await list.says('1 user is selected.');
  await page.keyboard.press('Escape');
  await list.says('Nothing is selected now.');
});

test('signing out forgets the selection', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.box(userIdOf(1)).click();
  await list.says('1 user is selected.');
  await page.getByRole('button', { name: 'Ada, menu' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await page.evaluate<string>(sessionItems)).not.toContain('ada-');
});

test('all waits while the number is not known, and can be counted again', async (context) => {
  const page = await open(context, '/users?limit=25', { key });
  const list = userList(page);
  await list.says('120 users');
  let counts = 0;
  await page.route('**/v1/users?*count=exact*', async (route) => {
    counts += 1;
    if (counts > 1) return route.continue();
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...(await response.json()), count: null } });
  });
  await list.search.fill('ada');
  await list.says('More than 25 users');
  await list.header.click();
  await list.says('All 25 users on this page are selected.');
  expect(await list.button(/^Select all \d/).count()).toBe(0);
  await list.button('Count again').click();
  await list.button('Select all 120 users that match').click();
  await list.says('All 120 users that match are selected.');
});
