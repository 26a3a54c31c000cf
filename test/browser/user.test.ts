import type { Page } from 'playwright-core';
import { beforeAll, expect, test, type TestContext } from 'vitest';
import type { ApiClient } from '../../local/api-client.ts';
import { expectAccessible } from '../support/browser/accessibility.ts';
import { useConsole } from '../support/browser/console.ts';
import { holdUp } from '../support/hold-up.ts';

const { stack, open } = useConsole();
let key = '';
let admin: ApiClient;

const ODD_ID = 'ada/17 %?#ü;x=1';

beforeAll(async () => {
  admin = await stack().workspace('user');
  key = await stack().adminKey('user');
  for (const [name, type] of [
    ['plan', 'string'],
    ['score', 'number'],
    ['seen', 'datetime'],
    ['trial', 'boolean'],
    ['best', 'time'],
    ['renews', 'date'],
    ['site', 'url'],
    ['likes', 'list'],
    ['work', 'phone'],
    ['second', 'email'],
  ]) {
    await admin.succeed('POST', '/v1/properties', { name, type });
  }
});

const addUser = async (userId: string, values: object = {}): Promise<string> => {
  await admin.succeed('POST', '/v1/users', { userId, firstName: 'Ada', ...values });
  return `/users/${encodeURIComponent(userId)}`;
};

const userNow = (userId: string) =>
  admin.succeed<Record<string, unknown>>('GET', `/v1/users/${encodeURIComponent(userId)}`);

const openUser = async (...[context, path, options]: Parameters<typeof open>) => {
  const page = await open(context, path, { key, ...options });
  await page.getByText('Place and language').waitFor();
  return page;
};

const save = (page: Page) => page.getByRole('button', { name: 'Save', exact: true });

test('all properties are shown in groups, and the title holds neither id nor name', async (context) => {
  const path = await addUser(ODD_ID, { tags: ['vip'], properties: { score: 12_431.5 } });
  const page = await openUser(context, path);
  await page.getByText(ODD_ID, { exact: true }).first().waitFor();
  await page.getByText('12,431.5').waitFor();
  expect(await page.title()).toBe('User – user – Keepsake');
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('User');
  expect(await page.getByText('seen', { exact: true }).count()).toBe(0);
  await page.getByRole('button', { name: 'Show 9 unknown values' }).click();
  await page.getByText('seen', { exact: true }).waitFor();
});

test('a value of each type is shown and can be edited, also one that is no time', async (context) => {
  const values = {
    plan: 'free',
    score: 0.5,
    seen: '2026-01-02T09:00:05Z',
    trial: true,
    best: '19:00:01',
    renews: '2027-04-19',
    site: 'https://example.com/',
    likes: ['tea'],
    work: '4930123456',
    second: 'ada@example.com',
  };
  const path = await addUser('all-types', { dob: '2000-02-29', properties: values });
  await stack().sql(`UPDATE users SET created_at = 'infinity' WHERE user_id = 'all-types'`);
  const page = await openUser(context, path);
  await page.getByText('infinity').waitFor();
  await page.getByRole('button', { name: 'Edit' }).click();
  const shown = {
    ...values,
    seen: undefined,
    'seen, in CET': '2026-01-02T10:00:05',
    trial: 'true',
  };
  for (const [name, value] of Object.entries(shown)) {
    if (value === undefined) continue;
    const input = page.getByLabel(name, { exact: true });
    expect(await input.inputValue()).toBe(Array.isArray(value) ? value.join() : String(value));
  }
  await page.getByLabel('best').fill('07:30:01');
  await save(page).click();
  await page.getByText('07:30:01').waitFor();
});

test('each type has its input, and only what was edited is sent', async (context) => {
  const path = await addUser('editor', { emailOptin: true, properties: { plan: 'free' } });
  const page = await openUser(context, path);
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('First name').fill('');
  await page.getByLabel('Date of birth').fill('2000-02-29');
  await page.getByLabel('Email opt-in').selectOption('Unknown');
  await page.getByLabel('Tags').fill('vip\nbeta');
  await page.getByLabel('score').fill('0.25');
  await page.getByLabel(/^seen, in CES?T$/).fill('2026-01-02T10:00:00');
  await page.getByLabel('trial').selectOption('No');
  await admin.succeed('PATCH', '/v1/users/editor', { lastName: 'Changed by another' });
  await page.getByText('7 changes').waitFor();
  await expectAccessible(page);
  await save(page).press('Enter');
  await page.getByText('29 Feb 2000').waitFor();
  await page.getByText('Changed by another').waitFor();
  expect(await userNow('editor')).toMatchObject({
    firstName: null,
    lastName: 'Changed by another',
    dob: '2000-02-29',
    emailOptin: null,
    tags: ['vip', 'beta'],
    properties: { plan: 'free', score: 0.25, seen: '2026-01-02T09:00:00.000000Z', trial: false },
  });
});

test('a value that is not valid is marked at its input, and nothing is sent', async (context) => {
  const page = await openUser(context, `${await addUser('invalid')}?do=edit`);
  await page.getByLabel('Email', { exact: true }).fill('no-address');
  await page.getByLabel('score').fill('many');
  await save(page).click();
  await page.getByText('Email must be an email address: name@example.com.').waitFor();
  await expect
    .poll(() => page.evaluate('document.activeElement.labels[0].textContent'))
    .toBe('Email');
  await expectAccessible(page);
});

test('what the API refuses is shown at its input', async (context) => {
  const page = await openUser(context, `${await addUser('refused')}?do=edit`, { statuses: [400] });
  await page.route('**/v1/users/refused', async (route) => {
    if (route.request().method() !== 'PATCH') return route.continue();
    return route.fulfill({
      status: 400,
      contentType: 'application/problem+json; charset=utf-8',
      body: '{"type":"/problems/invalid-request","title":"","status":400,"detail":"","requestId":"r","errors":[{"pointer":"/properties/plan","detail":"is refused"}]}',
    });
  });
  await page.getByLabel('plan').fill('pro');
  await save(page).click();
  await page.getByText('plan is refused.').waitFor();
});

test('what somebody else changed meanwhile is not overwritten without a question', async (context) => {
  const page = await openUser(context, `${await addUser('shared')}?do=edit`);
  await page.getByLabel('First name').fill('Mine');
  await admin.succeed('PATCH', '/v1/users/shared', { firstName: 'Theirs', city: 'Rome' });
  await save(page).click();
  await page.getByText('This user was changed meanwhile').waitFor();
  await expectAccessible(page);
  expect(await userNow('shared')).toMatchObject({ firstName: 'Theirs' });
  await page.getByRole('button', { name: 'Keep mine, to save over them' }).click();
  await save(page).click();
  await page.getByRole('button', { name: 'Edit' }).waitFor();
  expect(await userNow('shared')).toMatchObject({ firstName: 'Mine', city: 'Rome' });
});

test('unsaved changes are asked for, also by the Back button', async (context) => {
  const page = await openUser(context, await addUser('unsaved'));
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('City').fill('Rome');
  await page.goBack();
  const dialog = page.getByRole('dialog', { name: 'Leave without saving?' });
  await dialog.getByRole('button', { name: 'Leave and lose changes' }).click();
  await page.getByRole('button', { name: 'Edit' }).waitFor();
  expect(await userNow('unsaved')).toMatchObject({ city: null });
});

/** Edits the city of a user, and saves while requests of this method wait. */
const saveHeldUp = async (context: TestContext, userId: string, method: string) => {
  const page = await openUser(context, `${await addUser(userId)}?do=edit`);
  await page.getByLabel('City').fill('Rome');
  const { held, release } = holdUp();
  const sent: string[] = [];
  await page.route(`**/v1/users/${userId}`, async (route) => {
    sent.push(route.request().method());
    if (route.request().method() === method) await held;
    return route.continue().catch(() => {});
  });
  await save(page).click();
  await expect.poll(() => sent).toContain(method);
  return { page, sent, release };
};

const leave = async (page: Page) => {
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Leave and lose changes' }).click();
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
};

/** Expects that nothing leads the person elsewhere. */
const expectToStay = async (page: Page) => {
  await page.getByRole('link', { name: 'Jobs', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/jobs');
};

test('a save that checks for changes of others is not sent after its form was left', async (context) => {
  const { page, sent, release } = await saveHeldUp(context, 'left', 'GET');
  expect(await save(page).isDisabled()).toBe(true);
  await leave(page);
  release();
  await expectToStay(page);
  expect(sent).not.toContain('PATCH');
  expect(await userNow('left')).toMatchObject({ city: null });
});

test('a save that checks for changes of others is not sent after its form was cancelled', async (context) => {
  const { page, sent, release } = await saveHeldUp(context, 'given-up', 'GET');
  await expect.poll(() => page.getByLabel('City').isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Leave and lose changes' }).click();
  await page.getByRole('button', { name: 'Edit' }).waitFor();
  release();
  await expectToStay(page);
  expect(sent).not.toContain('PATCH');
  expect(await userNow('given-up')).toMatchObject({ city: null });
});

test('a save that is on its way is carried out, and leads nowhere after its form was left', async (context) => {
  const { page, release } = await saveHeldUp(context, 'on-its-way', 'PATCH');
  await leave(page);
  const paths: string[] = [];
  page.on('framenavigated', (frame) => paths.push(new URL(frame.url()).pathname));
  const isAnswered = page.waitForResponse((response) => response.request().method() === 'PATCH');
  release();
  await isAnswered;
  expect(await userNow('on-its-way')).toMatchObject({ city: 'Rome' });
  await expectToStay(page);
  expect(paths).toEqual(['/jobs']);
});

test('an admin sets a hold, and cannot clear it', async (context) => {
  const page = await openUser(context, await addUser('held'), { isCut: true });
  await page.getByRole('button', { name: 'Set legal hold…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Put this user under legal hold?' });
  await dialog.waitFor();
  await expectAccessible(page);
  const { held, release } = holdUp();
  await page.route('**/v1/users/held', async (route) => {
    if (route.request().method() !== 'PATCH') return route.abort('connectionreset');
    await held;
    return route.continue();
  });
  const set = dialog.getByRole('button', { name: 'Set legal hold' });
  await set.click();
  await expect.poll(() => set.isDisabled()).toBe(true);
  release();
  await page.getByText('Only the platform team can clear it.').waitFor();
  expect(await page.getByRole('button', { name: /hold/ }).count()).toBe(0);
  expect(await userNow('held')).toMatchObject({ legalHold: true });
});

test('a hold whose dialog was left while signed out is not set by signing in again', async (context) => {
  const page = await openUser(context, await addUser('not-held'), { statuses: [401] });
  await page.getByRole('button', { name: 'Set legal hold…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Put this user under legal hold?' });
  await dialog.waitFor();
  await page.context().clearCookies();
  await dialog.getByRole('button', { name: 'Set legal hold' }).click();
  const session = page.getByRole('dialog', { name: 'Your session has ended' });
  await session.getByLabel('Key', { exact: true }).fill(key);
  await page.goBack();
  await dialog.waitFor({ state: 'detached' });
  await session.getByRole('button', { name: 'Sign in' }).click();
  await session.waitFor({ state: 'hidden' });
  await expectToStay(page);
  expect(await userNow('not-held')).toMatchObject({ legalHold: false });
});

test('deleting asks by the dialog of deletions, and leads to its job', async (context) => {
  const page = await openUser(context, await addUser('leaver'), { statuses: [404] });
  await page.getByRole('button', { name: 'Delete…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete 1 user?' });
  await dialog.getByLabel(/^Reason/).fill('asked to be deleted');
  await dialog.getByRole('button', { name: 'Delete 1 user' }).click();
  await page.waitForURL('**/jobs/*');
  await page.getByRole('heading', { level: 1, name: /^Deletion of/ }).waitFor();
});

test('a user that does not exist says so, with a way back', async (context) => {
  const page = await open(context, '/users/nobody', { key, statuses: [404] });
  await page.getByText('There is no such user.').waitFor();
  await expectAccessible(page);
  await page.getByRole('link', { name: 'Go to the users' }).click();
  await page.waitForURL('**/users');
});

test('other roles read no users', async (context) => {
  const page = await open(context, '/users/editor', { key: await stack().roleKey('ops') });
  await page.getByText('Only admins of the workspace read its users.').waitFor();
});
