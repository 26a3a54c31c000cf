import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { useConsole } from '../support/browser/console.ts';

const { stack, open } = useConsole();
let key = '';

beforeAll(async () => {
  await stack().workspace('sign-in');
  key = await stack().adminKey('sign-in');
});

const signInWith = async (page: Page, text: string): Promise<void> => {
  await page.getByLabel('Key', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Sign in' }).click();
};

const atSettings = (page: Page) =>
  page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();

/** The first page of an admin. */
const atOverview = (page: Page) =>
  page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();

test('a person that is not signed in signs in first, and is then on the page they wanted', async (context) => {
  const page = await open(context, '/settings');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(new URL(page.url()).search).toBe('?to=%2Fsettings');
  expect(await page.title()).toBe('Sign in – Keepsake');

  // With the line break that a copied key may have.
  await signInWith(page, ` ${key}\n`);
  await atSettings(page);
  expect(new URL(page.url()).pathname).toBe('/settings');
  expect(await page.title()).toBe('Settings – sign-in – Keepsake');

  // The key itself is kept nowhere, and scripts cannot read the cookie.
  const kept = await page.evaluate<string>(
    'JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])',
  );
  expect(kept).not.toContain('ks_');
  expect(await page.evaluate('document.cookie')).toBe('');
});

test('a session lasts beyond a reload, and a signed-in person needs no sign-in page', async (context) => {
  const page = await open(context, '/settings', { key });
  await atSettings(page);
  await page.reload();
  await atSettings(page);
  await page.goto('/sign-in?to=/settings');
  await atSettings(page);
});

test('the field for the key has the focus, also after signing out', async (context) => {
  const page = await open(context, '/settings');
  const field = page.getByLabel('Key', { exact: true });
  await field.waitFor();
  await page.keyboard.insertText(key);
  expect(await field.inputValue()).toBe(key);
  await page.keyboard.press('Enter');
  await atSettings(page);
  await page.getByRole('button', { name: 'Ada, menu' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await field.waitFor();
  await page.keyboard.insertText('ks_');
  expect(await field.inputValue()).toBe('ks_');
});

test('a wrong key is refused in words, with the id of the request', async (context) => {
  const page = await open(context, '/sign-in', { statuses: [401] });
  await signInWith(page, `ks_${'x'.repeat(43)}`);
  const notice = page.getByRole('alert');
  await notice.getByText('This key is not valid').waitFor();
  expect(await notice.textContent()).toMatch(/Request [0-9a-f-]{36}/);
  // The reader is at the notice, and the key is still there to correct.
  await expect
    .poll(() => page.evaluate('document.activeElement.getAttribute("role")'))
    .toBe('alert');
  expect(await page.getByLabel('Key', { exact: true }).inputValue()).toMatch(/^ks_x/);
});

test('too many tries: the page states how long to wait', async (context) => {
  const page = await open(context, '/sign-in', { statuses: [429] });
  // The shared stack has no limit, so the answer of the limit is given here.
  await page.route('**/v1/session', (route) =>
    route.fulfill({
      status: 429,
      contentType: 'application/problem+json; charset=utf-8',
      headers: { 'retry-after': '42' },
      body: '{"type":"/problems/too-many-requests","title":"","status":429,"detail":"","requestId":"r"}',
    }),
  );
  await signInWith(page, key);
  await page.getByRole('alert').getByText('Wait 42 s, then sign in again.').waitFor();
});

test('without a server, the page says so, and the same form works once it is back', async (context) => {
  const page = await open(context, '/sign-in', { isOffline: true });
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.context().setOffline(true);
  await signInWith(page, key);
  await page.getByRole('alert').getByText('The server is not available').waitFor();
  await page.context().setOffline(false);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await atOverview(page);
});

for (const to of ['//evil.example/x', 'https://evil.example/', String.raw`/\evil.example`]) {
  test(`after signing in, the link ${to} does not lead to another site`, async (context) => {
    const page = await open(context, `/sign-in?to=${encodeURIComponent(to)}`);
    await signInWith(page, key);
    await atOverview(page);
  });
}
