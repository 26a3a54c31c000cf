import type { Page } from 'playwright-core';
import type { ApiClient } from '../../../local/api-client.ts';

/** Ids sort as their numbers: `ada-001`. */
export const userIdOf = (number: number): string => `ada-${String(number).padStart(3, '0')}`;

/** Adds users. Every third one has the country IN, the others FR. */
export const addUsers = (api: ApiClient, count: number): Promise<unknown> =>
  api.succeed(
    'POST',
    '/v1/users',
    Array.from({ length: count }, (_, index) => ({
      userId: userIdOf(index + 1),
      email: `ada.${index + 1}@example.com`,
      firstName: 'Ada',
      country: (index + 1) % 3 === 0 ? 'IN' : 'FR',
    })),
  );

/** The list of users in a page of the console. */
export const userList = (page: Page) => {
  const pages = page.getByRole('navigation', { name: 'Pages', exact: true });
  const list = page.getByRole('region', { name: 'List of users' });
  return {
    /** The line about the number of users and the selection. */
    says: (text: string | RegExp) => list.getByRole('status').filter({ hasText: text }).waitFor(),
    row: (id: string) => page.getByRole('row').filter({ hasText: id }),
    box: (id: string) => page.getByRole('checkbox', { name: `Select ${id}`, exact: true }),
    header: page.getByRole('checkbox', { name: 'Select all users on this page' }),
    button: (name: string | RegExp) => list.getByRole('button', { name }),
    next: () => pages.getByRole('button', { name: 'Next page' }).click(),
    previous: () => pages.getByRole('button', { name: 'Previous page' }).click(),
    range: (text: string) => pages.getByText(text, { exact: true }).waitFor(),
    /** The ids of the ticked users on the page. */
    ticked: async (): Promise<string[]> =>
      page.evaluate<string[]>(
        `[...document.querySelectorAll('tbody input:checked')].map((box) => box.closest('tr').dataset.user)`,
      ),
    search: page.getByRole('searchbox', { name: 'Search' }),
  };
};
