import type { Locator, Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import type { ApiClient } from '../../../local/api-client.ts';
import { expectAccessibleInEachLook } from '../../support/browser/accessibility.ts';
import { useConsole } from '../../support/browser/console.ts';
import { unroute } from '../../support/browser/routes.ts';
import { addUsers, userList } from '../../support/browser/user-pages.ts';

const { stack, open } = useConsole();
const WORKSPACE = 'users-filter';
let api: ApiClient;
let key = '';

beforeAll(async () => {
  api = await stack().workspace(WORKSPACE);
  await api.succeed('POST', '/v1/properties', { name: 'score', type: 'number' });
  await addUsers(api, 60);
  key = await stack().adminKey(WORKSPACE);
});

const INDIA = { field: 'country', op: 'is', value: 'IN' };

const addressOf = (filter: unknown): string =>
  `/users?filter=${encodeURIComponent(JSON.stringify(filter))}`;

const filterOf = (page: Page): unknown =>
  JSON.parse(new URL(page.url()).searchParams.get('filter') ?? 'null');

const choose = async (condition: Locator, page: Page, property: string): Promise<void> => {
  await condition.getByRole('combobox', { name: 'Property' }).click();
  await page.getByRole('option', { name: property, exact: true }).click();
};

test('a filter is built, applied, shown as tokens, and saved as a segment', async (context) => {
  const page = await open(context, '/users', { key });
  const list = userList(page);
  await list.says('60 users');
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Filter users' });
  const first = dialog.getByRole('group', { name: 'Condition 1' });
  await choose(first, page, 'Country');
  await first.getByLabel('Value').fill('IN');
  await dialog.getByRole('button', { name: 'Add a condition' }).click();
  const second = dialog.getByRole('group', { name: 'Condition 2' });
  await choose(second, page, 'Created');
  await second.getByLabel('Comparison').selectOption({ label: 'is less than … days ago' });
  await second.getByLabel('Days').fill('2');
  await dialog.getByRole('button', { name: 'Show users' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await list.says('20 users');
  expect(filterOf(page)).toEqual({
    and: [INDIA, { field: 'createdAt', op: 'gt', value: { daysAgo: 2 } }],
  });
  await page.getByRole('button', { name: 'Remove: Created is less than 2 days ago' }).click();
  await page.getByRole('button', { name: 'Country is “IN”', exact: true }).waitFor();

  await page.getByRole('button', { name: 'Save as segment' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('In India');
  await page.getByRole('button', { name: 'Save segment' }).click();
  await page.waitForURL(/segment=/);
  await list.says('20 users');
  const { data } = await api.succeed<{ data: { name: string; filter: unknown }[] }>(
    'GET',
    '/v1/segments',
  );
  expect(data).toMatchObject([{ name: 'In India', filter: { and: [INDIA] } }]);
  await page.goBack();
  await page.getByRole('button', { name: 'Country is “IN”', exact: true }).waitFor();
});

/** The width of the chosen words of a list, and the room for them. */
const FIT = `(() => {
  const select = document.querySelector('[role=dialog] select[aria-label=Comparison]');
  const { fontSize, fontFamily, paddingLeft, paddingRight } = getComputedStyle(select);
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = fontSize + ' ' + fontFamily;
  return [
    pen.measureText(select.selectedOptions[0].text).width,
    select.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight),
  ];
})()`;

test('a segment is not made of a filter alone while the segment of the list is unknown', async (context) => {
  const segment = { name: 'Indians', filter: INDIA };
  const { id } = await api.succeed<{ id: string }>('POST', '/v1/segments', segment);
  const page = await open(context, '/settings', { key, isCut: true });
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.route('**/v1/segments?*', (route) => route.abort('connectionreset'));
  const filter = encodeURIComponent(JSON.stringify({ field: 'userId', op: 'isKnown' }));
  await page.goto(`/users?segment=${id}&filter=${filter}&do=save-segment`);
  await userList(page).says('20 users');
  expect(await page.getByRole('dialog').count()).toBe(0);
  await unroute(page);
  await page.reload();
  await page.getByRole('dialog', { name: /segment/ }).waitFor();
});

test('the longest comparison is not cut: it says that unknown values match, too', async (context) => {
  const filter = { and: [{ field: 'city', op: 'notContains', value: 'Par' }] };
  const page = await open(context, `${addressOf(filter)}&do=filter`, { key });
  await page.getByRole('dialog').getByLabel('Comparison').waitFor();
  const [width, room] = await page.evaluate<[number, number]>(FIT);
  expect(width).toBeGreaterThan(100);
  expect(width).toBeLessThanOrEqual(room);
});

test('a condition that is not complete says so, and nothing is asked of the API', async (context) => {
  const page = await open(context, '/users?do=filter', { key });
  const dialog = page.getByRole('dialog', { name: 'Filter users' });
  await dialog.getByRole('button', { name: 'Show users' }).click();
  await dialog.getByText('The property is missing.').waitFor();
  const condition = dialog.getByRole('group', { name: 'Condition 1' });
  await choose(condition, page, 'score');
  await condition.getByLabel('Value').fill('1e');
  await dialog.getByText(/^The value must be a number of at most 15/).waitFor();
  expect(await condition.getByLabel('Value').getAttribute('aria-invalid')).toBe('true');
  await condition.getByLabel('Value').fill('1.5');
  await dialog.getByRole('button', { name: 'Show users' }).click();
  await page.getByText('No user matches.').waitFor();
  expect(filterOf(page)).toEqual({ field: 'properties.score', op: 'is', value: 1.5 });
});

test('groups, and filters with more levels, stay what they are', async (context) => {
  const groups = { and: [INDIA, { not: { or: [{ field: 'email', op: 'isNotKnown' }] } }] };
  const page = await open(context, addressOf(groups), { key });
  await userList(page).says('20 users');
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Filter users' });
  const group = dialog.getByRole('group', { name: 'Group 2' });
  expect(await group.getByLabel('Combination').inputValue()).toBe('not or');
  await dialog.getByRole('button', { name: 'Show users' }).click();
  await dialog.waitFor({ state: 'hidden' });
  expect(filterOf(page)).toEqual(groups);

  const deep = { and: [{ or: [INDIA, { and: [INDIA] }] }] };
  const other = await open(context, addressOf(deep), { key });
  await userList(other).says('20 users');
  await other.getByRole('button', { name: 'Filter', exact: true }).click();
  await other.getByText('This filter has groups within groups.').waitFor();
  await other.getByRole('button', { name: 'Edit as JSON' }).click();
  const json = other.getByRole('textbox', { name: 'Filter as JSON' });
  expect(JSON.parse(await json.inputValue())).toEqual(deep);
  await json.fill('{"and": [');
  await other.getByText('This is not valid JSON.').waitFor();
  await other.getByRole('button', { name: 'Show users' }).click();
  expect(filterOf(other)).toEqual(deep);
  await json.fill(JSON.stringify(INDIA));
  await other.getByRole('button', { name: 'Show users' }).click();
  await other.getByRole('button', { name: 'Country is “IN”', exact: true }).waitFor();
});

test('a broken filter in the address lists nobody, and can be removed', async (context) => {
  const page = await open(context, addressOf({ anything: 1 }), { key, statuses: [400] });
  await page.getByRole('alert').waitFor();
  expect(await page.getByRole('row').count()).toBe(0);
  await page.getByRole('button', { name: 'Remove: A filter that cannot be read' }).click();
  await userList(page).says('60 users');
});

test('a problem that only the API knows stands at its condition', async (context) => {
  const gone = { and: [INDIA, { field: 'properties.gone', op: 'is', value: 'x' }] };
  const page = await open(context, addressOf(gone), { key, statuses: [400] });
  await page.getByRole('alert').waitFor();
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  const condition = page.getByRole('group', { name: 'Condition 2' });
  await condition.getByText('The property is not a known property.').waitFor();
  await condition.getByRole('button', { name: 'Remove condition 2' }).click();
  await page.getByRole('button', { name: 'Show users' }).click();
  await userList(page).says('20 users');
});

const GROUPS = {
  and: [INDIA, { or: [INDIA, { field: 'createdAt', op: 'lt', value: { daysAgo: 1 } }] }],
};

/** Few rows: axe looks at each of them. */
const VIEWS: Record<string, { query: string; show?: (page: Page) => Promise<void> }> = {
  'the filter': { query: `filter=${encodeURIComponent(JSON.stringify(GROUPS))}&do=filter` },
  'an incomplete filter': {
    query: 'do=filter',
    show: (page) => page.getByRole('button', { name: 'Show users' }).click(),
  },
  'a selection': {
    query: `filter=${encodeURIComponent(JSON.stringify(GROUPS))}`,
    show: (page) => userList(page).header.click(),
  },
  'the columns': {
    query: 'q=ada-00',
    show: (page) => page.getByRole('button', { name: 'Columns' }).click(),
  },
  'the actions': {
    query: 'q=ada-00',
    show: (page) => page.getByRole('button', { name: 'Actions' }).click(),
  },
  'a download': { query: 'q=ada-00&do=download-segment' },
};

for (const [name, { query, show }] of Object.entries(VIEWS)) {
  test(`${name} is accessible, and fits, in each theme and width`, async (context) => {
    const page = await open(context, `/users?limit=25&${query}`, { key });
    await page.locator('tbody tr[data-user]').first().waitFor();
    await show?.(page);
    await expectAccessibleInEachLook(page);
  });
}
