import { beforeAll, expect, test } from 'vitest';
import { expectAccessibleInEachLook, expectFitsWidths } from '../support/browser/accessibility.ts';
import { moveUntil, pauseClock, seeSoon } from '../support/browser/clock.ts';
import { useConsole } from '../support/browser/console.ts';
import { databaseAway } from '../support/browser/away.ts';
import { addPlace, beginDeletion, IN_PARIS, type Place } from '../support/browser/deletions.ts';
import { unroute } from '../support/browser/routes.ts';

const { stack, open } = useConsole();
let place: Place;

beforeAll(async () => {
  place = await addPlace(stack(), 'list', { users: 200, inParis: 60 });
  const { id } = await place.api.succeed<{ id: string }>('POST', '/v1/exports', {
    selection: IN_PARIS,
    notify: false,
  });
  await place.api.finish(id);
  // As if there had been 60 of them.
  await stack().sql(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, options, actor_key_id, counts,
                       created_at, started_at, finished_at)
     SELECT gen_random_uuid(), workspace_id, type, state, selection, options, actor_key_id, counts,
            created_at, started_at, finished_at FROM jobs, generate_series(1, 59) WHERE id = $1`,
    [id],
  );
  await place.api.finish(await beginDeletion(place));
});

test('the newest jobs come first, older ones in pages, and Back works', async (context) => {
  const page = await open(context, '/jobs', { key: place.key });
  const rows = page.getByRole('row');
  await page.getByRole('link', { name: 'Deletion of 60 users that match a filter' }).waitFor();
  expect(await rows.count()).toBe(51);
  expect(await rows.nth(1).textContent()).toContain('60 deleted');
  expect(await page.getByRole('button', { name: 'Newer' }).isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Older' }).click();
  await expect.poll(() => rows.count()).toBe(12);
  await page.getByRole('button', { name: 'Newest' }).click();
  await expect.poll(() => rows.count()).toBe(51);
  await page.goBack();
  await expect.poll(() => rows.count()).toBe(12);
  await page.getByRole('button', { name: 'Newer' }).click();
  await expect.poll(() => rows.count()).toBe(51);
});

test('filters are in the address, survive a reload, and can be cleared', async (context) => {
  const page = await open(context, '/jobs', { key: place.key });
  const rows = page.getByRole('row');
  await rows.nth(1).waitFor();
  await page.getByLabel('Type').selectOption('deletion');
  await expect.poll(() => rows.count()).toBe(2);
  await page.getByLabel('State').selectOption('failed');
  await page.getByText('No job matches.').waitFor();
  expect(new URL(page.url()).search).toBe('?state=failed&type=deletion');
  await page.reload();
  await page.getByText('No job matches.').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect.poll(() => rows.count()).toBe(51);
  await page.getByLabel('Started by').selectOption({ label: 'Me' });
  await expect.poll(() => rows.count()).toBe(51);
  await page.getByLabel('From').fill('2000-01-01');
  await page.getByLabel('To').fill('2000-01-31');
  await page.getByText('No job matches.').waitFor();
});

test('days in the wrong order are marked at their field, and nothing is asked of the API', async (context) => {
  const page = await open(context, '/jobs', { key: place.key });
  await page.getByRole('row').nth(1).waitFor();
  await page.getByLabel('From').fill('2026-11-30');
  await page.getByLabel('To').fill('2026-11-01');
  await page.getByText('Earlier than From').waitFor();
  expect(await page.getByLabel('To').getAttribute('aria-invalid')).toBe('true');
  expect(await page.getByRole('row').count()).toBe(0);
  expect(await page.getByRole('alert').count()).toBe(0);
  await page.getByLabel('From').fill('2026-10-01');
  await page.getByText('Earlier than From').waitFor({ state: 'hidden' });
});

test('the list is reached by its shortcut, and a new job appears by itself', async (context) => {
  const page = await open(context, '/settings', { key: place.key });
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.keyboard.type('gj');
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();
  expect(await page.title()).toBe('Jobs – list – Keepsake');
});

test('people of operations see the jobs of all workspaces, and choose one', async (context) => {
  const page = await open(context, '/jobs', { key: await stack().roleKey('ops') });
  await page.getByRole('columnheader', { name: 'Workspace' }).waitFor();
  await page.getByLabel('Workspace').selectOption('list');
  await expect.poll(() => page.getByRole('row').count()).toBe(51);
  // The rows of all workspaces, which are as many, stay until these arrive.
  await expect.poll(() => page.getByRole('row').nth(1).textContent()).toContain('list');
});

test('a workspace without jobs says what will be here', async (context) => {
  const empty = await addPlace(stack(), 'list-empty', { users: 1, inParis: 1 });
  const page = await open(context, '/jobs', { key: empty.key });
  await page.getByText('No jobs yet.').waitFor();
  await page.getByRole('main').getByText('Each import, export, deletion').waitFor();
});

test('while the database is away, the list says so with its request id, and is tried again', async (context) => {
  const page = await open(context, '/settings', { key: place.key, statuses: [503] });
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.route('**/v1/jobs?*', (route) => route.fulfill(databaseAway('r-7')));
  await page.getByRole('link', { name: 'Jobs' }).click();
  const alert = page.getByRole('alert');
  await alert.getByText('The database is not available').waitFor();
  await alert.getByText('r-7').waitFor();
  await unroute(page, '**/v1/jobs?*');
  await alert.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('row').nth(1).waitFor();
});

test('the first failure is shown at once, and the list comes back by itself, without a storm', async (context) => {
  const page = await open(context, '/settings', { key: place.key, isCut: true, hasClock: true });
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  let tries = 0;
  await page.route('**/v1/jobs?limit=50', (route) => {
    tries += 1;
    return route.abort('connectionreset');
  });
  await pauseClock(page);
  await page.getByRole('link', { name: 'Jobs' }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'The server cannot be reached' });
  await seeSoon(page, alert.getByText('This page tries again by itself.'));
  expect(tries).toBe(1);
  // A try is noticed some steps of the clock late, which a storm of tries would not need.
  const waitedMs = await moveUntil(page, () => tries === 6);
  expect(waitedMs).toBeGreaterThan(4 * 5_000);
  await alert.getByRole('button', { name: 'Try again' }).click();
  await expect.poll(() => tries).toBe(7);
  await unroute(page, '**/v1/jobs?limit=50');
  await moveUntil(page, () => page.getByRole('row').nth(1).isVisible());
  expect(await alert.count()).toBe(0);
});

test('rows of another filter have no time, and an empty list of another filter states nothing', async (context) => {
  const page = await open(context, '/jobs', { key: place.key, isCut: true, hasClock: true });
  await page.getByRole('row').nth(1).waitFor();
  const deletions = '**/v1/jobs?type=deletion*';
  await page.route(deletions, (route) => route.abort('connectionreset'));
  // While the clock stands still, only a button tries again.
  await pauseClock(page);
  await page.getByLabel('Type').selectOption('deletion');
  const notice = page.getByRole('status').filter({ hasText: 'Offline.' });
  await seeSoon(page, notice.getByText('You see what was here before your last change.'));
  expect(await page.getByText('What you see is from').count()).toBe(0);
  await unroute(page, deletions);
  await notice.getByRole('button', { name: 'Try now' }).click();
  await page.clock.resume();
  await expect.poll(() => page.getByRole('row').count()).toBe(2);

  await page.goto('/jobs?type=deletion&state=failed');
  await page.getByText('No job matches.').waitFor();
  const all = '**/v1/jobs?limit=50';
  await page.route(all, (route) => route.abort('connectionreset'));
  await pauseClock(page);
  await page.getByRole('button', { name: 'Clear filters' }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'The server cannot be reached' });
  await seeSoon(page, alert);
  expect(await page.getByText('No jobs yet.').count()).toBe(0);
  await unroute(page, all);
  await alert.getByRole('button', { name: 'Try again' }).click();
  await page.clock.resume();
  await expect.poll(() => page.getByRole('row').count()).toBe(51);
});

test('a full list is accessible, and fits its window, in each theme and width', async (context) => {
  const page = await open(context, '/jobs', { key: place.key });
  await page.getByRole('link', { name: /^Deletion/ }).waitFor();
  await expectAccessibleInEachLook(page);
});

test('a wide table of jobs scrolls in its card, and the page does not', async (context) => {
  const page = await open(context, '/jobs', { key: await stack().roleKey('ops') });
  await page.getByRole('columnheader', { name: 'Workspace' }).waitFor();
  await page.getByRole('row').nth(1).waitFor();
  await expectFitsWidths(page, [640, 768, 900, 1_024]);
});
