import { beforeAll, expect, test } from 'vitest';
import { useConsole } from '../../support/browser/console.ts';
import { addUsers, userIdOf, userList } from '../../support/browser/user-pages.ts';

const { stack, open } = useConsole();
const WORKSPACE = 'users-address';
let key = '';

beforeAll(async () => {
  await addUsers(await stack().workspace(WORKSPACE), 20);
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
