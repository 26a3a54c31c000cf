import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import type { ApiClient } from '../../local/api-client.ts';
import { expectAccessible } from '../support/browser/accessibility.ts';
import { useConsole } from '../support/browser/console.ts';
import { unroute } from '../support/browser/routes.ts';

const { stack, open } = useConsole();
let key = '';
let admin: ApiClient;

const FROM_INDIA = { field: 'country', op: 'is', value: 'IN' };

beforeAll(async () => {
  admin = await stack().workspace('segments');
  key = await stack().adminKey('segments');
  const users = Array.from({ length: 7 }, (_user, index) => ({
    userId: `in-${index}`,
    country: 'IN',
  }));
  await admin.succeed('POST', '/v1/users', [...users, { userId: 'fr-1', country: 'FR' }]);
});

const addSegment = async (name: string): Promise<string> =>
  (await admin.succeed<{ id: string }>('POST', '/v1/segments', { name, filter: FROM_INDIA })).id;

const namesNow = async (): Promise<string[]> =>
  (await admin.succeed<{ data: { name: string }[] }>('GET', '/v1/segments')).data.map(
    ({ name }) => name,
  );

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name });

const openSegment = async (...[context, path, options]: Parameters<typeof open>) => {
  const page = await open(context, path, { key, ...options });
  await page.getByText('7 users').waitFor();
  return page;
};

/** Fills in the first condition by keyboard: the one user from France. */
const chooseFrance = async (page: Page) => {
  await page.getByRole('combobox', { name: 'Property' }).fill('Country');
  await page.getByRole('option', { name: 'Country' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('textbox', { name: 'Value' }).fill('FR');
  await page.getByText('1 user', { exact: true }).waitFor();
};

test('a person adds a segment by keyboard, and sees its users before they save it', async (context) => {
  const page = await open(context, '/segments', { key });
  await heading(page, 'Segments').waitFor();
  await page.getByRole('link', { name: 'New segment' }).first().press('Enter');
  await heading(page, 'New segment').waitFor();
  await page.getByLabel('Name').fill('From France');
  await chooseFrance(page);
  await page.getByText('fr-1').waitFor();
  await page.keyboard.press('Enter');
  await heading(page, 'Edit segment').waitFor();
  expect(await namesNow()).toContain('From France');
  // Leaving now asks nothing.
  await page.getByRole('link', { name: 'Back to segments' }).click();
  await page.getByText('Country is “FR”').waitFor();
});

test('an incomplete segment is not sent, and the focus is at the first thing to complete', async (context) => {
  const page = await open(context, '/segments/new', { key });
  await page.getByRole('button', { name: 'Save segment' }).click();
  await page.getByText('Enter a name.').waitFor();
  await page.getByText('The property is missing.').waitFor();
  await expect
    .poll(() => page.evaluate('document.activeElement.labels[0].textContent'))
    .toBe('Name');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Remove condition 1' }).click();
  await page.getByText('A segment never means everyone.').waitFor();
});

test('a name that is in use is refused at the name', async (context) => {
  await addSegment('Taken');
  const id = await addSegment('Free');
  const page = await openSegment(context, `/segments/${id}`, { statuses: [409] });
  await page.getByLabel('Name').fill('Taken');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('This name is already in use.').waitFor();
  await page.getByLabel('Name').fill('Free and renamed');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Nothing to save.').waitFor();
  expect(await namesNow()).toContain('Free and renamed');
});

test('unsaved changes are asked for on leaving, and stay if the person stays', async (context) => {
  const page = await openSegment(context, `/segments/${await addSegment('Left')}`);
  await page.getByLabel('Name').fill('Left behind');
  await page.getByRole('link', { name: 'Settings' }).click();
  const dialog = page.getByRole('dialog', { name: 'Leave without saving?' });
  await dialog.waitFor();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Stay on this page' }).click();
  expect(await page.getByLabel('Name').inputValue()).toBe('Left behind');
  await page.getByRole('link', { name: 'Settings' }).click();
  await dialog.getByRole('button', { name: 'Leave and lose changes' }).click();
  await heading(page, 'Settings').waitFor();
  expect(await namesNow()).toContain('Left');
});

test('a segment that was deleted meanwhile can be saved as a new one', async (context) => {
  const id = await addSegment('Short-lived');
  const page = await openSegment(context, `/segments/${id}`);
  await page.getByLabel('Name').fill('Short-lived, again');
  await admin.succeed('DELETE', `/v1/segments/${id}`);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('This segment was deleted meanwhile').waitFor();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Save as a new segment' }).click();
  await page.getByText('Nothing to save.').waitFor();
  expect(new URL(page.url()).pathname).not.toContain(id);
  expect(await namesNow()).toContain('Short-lived, again');
});

test('what others saved meanwhile is not overwritten without a question', async (context) => {
  const id = await addSegment('Shared');
  const page = await openSegment(context, `/segments/${id}`);
  await page.getByLabel('Name').fill('Mine');
  await admin.succeed('PATCH', `/v1/segments/${id}`, { name: 'Theirs' });
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('This segment was changed meanwhile').waitFor();
  expect(await namesNow()).toContain('Theirs');
  await page.getByRole('button', { name: 'Keep mine, to save over it' }).click();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Nothing to save.').waitFor();
  expect(await namesNow()).toContain('Mine');
});

test('a saved segment is not taken for a change of others while its list cannot be read', async (context) => {
  const id = await addSegment('Away');
  const page = await openSegment(context, `/segments/${id}`, { isCut: true });
  let isSent = false;
  await page.route('**/v1/segments*', (route) =>
    isSent ? route.abort('connectionreset') : route.continue(),
  );
  page.on('request', (request) => {
    isSent ||= request.method() === 'PATCH';
  });
  await page.getByLabel('Name').fill('Away, and saved');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Nothing to save.').waitFor();
  await page.getByRole('alert').getByText('The server cannot be reached').waitFor();
  expect(await page.getByText('This segment was changed meanwhile').count()).toBe(0);
  expect(await page.getByLabel('Name').inputValue()).toBe('Away, and saved');
  await page.getByRole('link', { name: 'Back to segments' }).click();
  await page.getByText('Away, and saved').first().waitFor();
});

test('a new segment is shown while its list cannot be read', async (context) => {
  const page = await open(context, '/segments/new', { key, isCut: true });
  await page.getByLabel('Name').fill('New, and away');
  await chooseFrance(page);
  await page.route('**/v1/segments?*', (route) => route.abort('connectionreset'));
  await page.getByRole('button', { name: 'Save segment' }).click();
  await heading(page, 'Edit segment').waitFor();
  await page.getByRole('alert').getByText('The server cannot be reached').waitFor();
  expect(await page.getByLabel('Name').inputValue()).toBe('New, and away');
});

test('deleting a segment names it, deletes no user, and can be cancelled by keyboard', async (context) => {
  const id = await addSegment('To delete');
  const page = await open(context, '/segments', { key });
  await page.getByRole('button', { name: 'Delete segment… To delete' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete segment ‘To delete’?' });
  await dialog.getByText('No user is deleted').waitFor();
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Cancel');
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'hidden' });
  expect(await namesNow()).toContain('To delete');

  await page.getByRole('button', { name: 'Delete segment… To delete' }).click();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Delete segment' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByRole('status').getByText('Segment ‘To delete’ is deleted.').waitFor();
  expect(await page.getByText('To delete', { exact: true }).count()).toBe(0);
  await admin.succeed('GET', '/v1/users/in-0');

  // A link to the deleted segment says so.
  await page.goto(`/segments/${id}`);
  await page.getByText('This segment does not exist.').waitFor();
});

test('the search finds names in any case, and "Show users" leads to the users', async (context) => {
  const id = await addSegment('Findable');
  await addSegment('Other');
  const page = await open(context, '/segments', { key });
  await page.getByRole('link', { name: 'Findable', exact: true }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('FINDA');
  await page.getByText(/^1 of \d+ segments$/).waitFor();
  expect(new URL(page.url()).search).toBe('?q=FINDA');
  await page.getByRole('link', { name: 'Show users Findable' }).click();
  await page.waitForURL(`**/users?segment=${id}`);
});

test('a workspace without segments offers the first one', async (context) => {
  await stack().workspace('segments-none');
  const page = await open(context, '/segments', { key: await stack().adminKey('segments-none') });
  await page.getByText('No segments yet.').waitFor();
  await expectAccessible(page);
});

test('the segments that cannot be read are asked for again on demand', async (context) => {
  const page = await open(context, '/segments', { key, statuses: [500] });
  await heading(page, 'Segments').waitFor();
  await page.route('**/v1/segments?*', (route) =>
    route.fulfill({
      status: 500,
      contentType: 'application/problem+json; charset=utf-8',
      body: '{"type":"/problems/internal","title":"It failed","status":500,"detail":"","requestId":"r-1"}',
    }),
  );
  await page.reload();
  await page.getByRole('alert').getByText('r-1').waitFor();
  await unroute(page, '**/v1/segments?*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText(/^\d+ segments$/).waitFor();
});
