import { expect, test } from 'vitest';
import { addPlace } from '../../support/browser/deletions.ts';
import { useConsole } from '../../support/browser/console.ts';
import { userList } from '../../support/browser/user-pages.ts';

const { stack, open } = useConsole();

test('after a deletion, the list has neither its users nor their number', async (context) => {
  const { key } = await addPlace(stack(), 'after-deletion', { users: 60, inParis: 0 });
  const page = await open(context, '/users?q=u-1', { key });
  const list = userList(page);
  await list.says('11 users');
  await list.header.click();
  await list.button('Delete…').click();
  const dialog = page.getByRole('dialog', { name: 'Delete 11 users?' });
  await dialog.getByLabel('Reason').fill('a test');
  await dialog.getByRole('button', { name: 'Delete 11 users' }).click();
  await page.getByRole('heading', { level: 2, name: '11 deleted' }).waitFor();
  // The list was shown seconds ago, and would otherwise be fresh.
  await page.goBack();
  await page.getByText('No user matches.').waitFor();
  await list.search.fill('');
  await list.says('49 users');
  expect(await list.ticked()).toEqual([]);
});
