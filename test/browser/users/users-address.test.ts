import { beforeAll, expect, test } from 'vitest';
import type { ApiClient } from '../../../local/api-client.ts';
import { useConsole } from '../../support/browser/console.ts';
import { addUsers, userIdOf, userList } from '../../support/browser/user-pages.ts';

const { stack, open } = useConsole();
const WORKSPACE = 'users-address';
let api: ApiClient;
let key = '';

beforeAll(async () => {
  api = await stack().workspace(WORKSPACE);
  await addUsers(api, 20);
  key = await stack().adminKey(WORKSPACE);
});

test('an unknown segment in the address is named as one, and can be cleared', async (context) => {
  for (const id of ['null', '01900000-0000-7000-8000-000000000000']) {
    const page = await open(context, `/users?segment=${id}`, { key, statuses: [400, 404] });
    const alert = page.getByRole('alert');
    await alert.getByText('There is no such segment').waitFor();
    expect(await alert.textContent()).not.toContain(id);
    await userList(page).button('Clear').click();
    await userList(page).says('20 users');
    expect(new URL(page.url()).search).toBe('');
  }
});

test('of a segment that was deleted, nothing is selected, also after a reload', async (context) => {
  const { id } = await api.succeed<{ id: string }>('POST', '/v1/segments', {
    name: 'French',
    filter: { field: 'country', op: 'is', value: 'FR' },
  });
  const page = await open(context, `/users?segment=${id}`, { key, statuses: [404] });
  const list = userList(page);
  await list.header.click();
  await list.button('Delete…').waitFor();
  await api.succeed('DELETE', `/v1/segments/${id}`);
  for (const address of [`/users?segment=${id}`, `/users?segment=${id}&do=delete`]) {
    await page.goto(address);
    await page.getByRole('alert').getByText('There is no such segment').waitFor();
    await expect.poll(() => new URL(page.url()).searchParams.has('do')).toBe(false);
    expect(await list.button('Clear').count()).toBe(1);
    expect(await list.button('Delete…').count()).toBe(0);
    expect(await page.getByText('selected').count()).toBe(0);
  }
});

test('a search is a text, also where it is valid JSON', async (context) => {
  const page = await open(context, '/users?q=null', { key });
  const list = userList(page);
  await page.getByText('No user matches.').waitFor();
  expect(await list.search.inputValue()).toBe('null');
  await list.search.fill('1e3');
  await page.waitForURL('**/users?q=1e3');
});

test('blanks around a pasted search stay in the box, and are not searched for', async (context) => {
  const page = await open(context, '/users', { key });
  const list = userList(page);
  const pasted = `  ${userIdOf(17)} `;
  await list.search.fill(pasted);
  await list.says('1 user');
  expect(new URL(page.url()).search).toBe(`?q=${userIdOf(17)}`);
  expect(await list.search.inputValue()).toBe(pasted);
});
