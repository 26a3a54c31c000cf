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

test('blanks around a pasted search stay in the box, and are not searched for', async (context) => {
  const page = await open(context, '/users', { key });
  const list = userList(page);
  const pasted = `  ${userIdOf(17)} `;
  await list.search.fill(pasted);
  await list.says('1 user');
  expect(new URL(page.url()).search).toBe(`?q=${userIdOf(17)}`);
  expect(await list.search.inputValue()).toBe(pasted);
});
