import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import type { ConsolePath } from '../../rules/console-paths.ts';
import { expectAccessibleInEachLook } from '../support/browser/accessibility.ts';
import { useConsole } from '../support/browser/console.ts';

const { stack, open } = useConsole();
let key = '';
let segmentId = '';

const FILTER = { field: 'country', op: 'is', value: 'IN' };

beforeAll(async () => {
  const admin = await stack().workspace('pages');
  key = await stack().adminKey('pages');
  await admin.succeed('POST', '/v1/users', [
    { userId: 'ada-17', firstName: 'Ada', country: 'IN', tags: ['vip', 'beta'] },
    { userId: 'bob-2', email: 'bob@example.com', country: 'IN' },
  ]);
  const segment = { name: 'Customers in India', filter: FILTER };
  segmentId = (await admin.succeed<{ id: string }>('POST', '/v1/segments', segment)).id;
});

interface TestedPage {
  heading: string;
  isPublic?: true;
  /** The address, where it has an id. */
  at?: () => string;
  /** Is there once the page has its data. */
  has?: string;
}

/** The page of a job is looked at by its own tests, in each of its states. */
type TestedPath = Exclude<ConsolePath, '/jobs/$id'>;

/** Each page that the API answers, with its heading. */
const PAGES: Record<TestedPath, TestedPage> = {
  '/': { heading: 'Overview', has: '2 added and still there.' },
  '/holds': { heading: 'Legal holds', has: 'The platform team works here.' },
  '/jobs': { heading: 'Jobs' },
  '/segments': { heading: 'Segments', has: 'Country is “IN”' },
  '/segments/$id': {
    heading: 'Edit segment',
    at: () => `/segments/${segmentId}`,
    has: '2 users',
  },
  '/segments/new': { heading: 'New segment', has: 'Complete the conditions to see the users.' },
  '/settings': { heading: 'Settings', has: 'Needed to delete more than 90 % of a workspace' },
  '/sign-in': { heading: 'Sign in', isPublic: true },
  '/users': { heading: 'Users' },
  '/users/$id': { heading: 'User', at: () => '/users/ada-17', has: 'vip, beta' },
};

/** What opens over a page. */
const OVERLAYS: Record<string, (page: Page) => Promise<void>> = {
  'the help': async (page) => {
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  },
  'the menu of the person': async (page) => {
    await page.getByRole('button', { name: 'Ada, menu' }).click();
    await page.getByRole('menu').waitFor();
  },
  'the themes': async (page) => {
    await page.getByRole('button', { name: 'Theme' }).click();
    await page.getByRole('menu').waitFor();
  },
};

for (const [path, { heading, isPublic, at = () => path, has }] of Object.entries(PAGES)) {
  test(`${path} is accessible, and fits its window, in each theme and width`, async (context) => {
    const page = await open(context, at(), isPublic ? {} : { key });
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    if (has !== undefined) await page.getByText(has).waitFor();
    expect(await page.title()).toMatch(new RegExp(`^${heading} – .*Keepsake$`));
    await expectAccessibleInEachLook(page);
  });
}

for (const [overlay, show] of Object.entries(OVERLAYS)) {
  test(`${overlay} is accessible in each theme and width`, async (context) => {
    const page = await open(context, '/settings', { key });
    await page.getByRole('heading', { level: 1 }).waitFor();
    await show(page);
    await expectAccessibleInEachLook(page);
  });
}
