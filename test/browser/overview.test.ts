import { beforeAll, expect, test } from 'vitest';
import { expectAccessibleInEachLook } from '../support/browser/accessibility.ts';
import { moveUntil, pauseClock, seeSoon } from '../support/browser/clock.ts';
import { useConsole } from '../support/browser/console.ts';
import { databaseAway } from '../support/browser/away.ts';
import { addPlace, beginDeletion, type Place } from '../support/browser/deletions.ts';
import { unroute } from '../support/browser/routes.ts';

const { stack, open } = useConsole();
let place: Place;

/** A workspace in which each thing that needs a person is there once. */
const addNeeds = async ({ workspaceId, api }: Place): Promise<void> => {
  const { data } = await api.succeed<{ data: [{ id: string }] }>('GET', '/v1/backups');
  const restore = await api.succeed<{ id: string }>('POST', `/v1/backups/${data[0].id}/restores`, {
    ids: ['u-1', 'u-2'],
  });
  await api.finish(restore.id);
  await stack().sql(`UPDATE exports SET expires_at = now() + interval '1 day' WHERE id = $1`, [
    data[0].id,
  ]);
  await stack().sql(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, options, actor_key_id, finished_at)
     SELECT gen_random_uuid(), $1, 'export', 'cancelled', '{"type": "all"}', '{}', id, now()
       FROM api_keys WHERE workspace_id = $1 LIMIT 1`,
    [workspaceId],
  );
  await api.succeed('POST', '/v1/delete-all-requests', { reason: 'the contract has ended' });
};

/** Moves the users and the ends of jobs to one day in UTC, because midnight may have passed. */
const moveToOneDay = async ({ workspaceId }: Place): Promise<void> => {
  const noon = `date_trunc('day', now(), 'UTC') - interval '12 hours'`;
  await stack().sql(`UPDATE users SET created_at = ${noon} WHERE workspace_id = $1`, [workspaceId]);
  await stack().sql(`UPDATE jobs SET finished_at = ${noon} WHERE workspace_id = $1`, [workspaceId]);
};

beforeAll(async () => {
  place = await addPlace(stack(), 'overview', { users: 200, inParis: 60 });
  await place.api.finish(await beginDeletion(place));
  await addNeeds(place);
  await moveToOneDay(place);
});

test('an admin sees the users, what needs a person, and the last 30 days by day', async (context) => {
  const page = await open(context, '/', { key: place.key });
  const main = page.getByRole('main');
  await main.getByText('142 users').waitFor();
  await main.getByText('142 added and still there, 60 deleted, 2 restored.').waitFor();
  const needs = await main.getByRole('listitem').getByRole('paragraph').allTextContents();
  expect(needs.filter((_, n) => n % 2 === 0)).toEqual([
    '1 request to delete all users waits for a decision',
    '1 job can be tried again',
    '1 backup expires within 3 days',
  ]);
  expect(await page.title()).toBe('Overview – overview – Keepsake');
  await main.getByText('Numbers by day').click();
  const rows = main.getByRole('table').getByRole('row');
  expect(await rows.count()).toBe(2);
  expect(await rows.nth(1).getByRole('cell').allTextContents()).toEqual(['142', '0', '60', '2']);
});

test('the bars of a day stand side by side: their heights are not a sum', async (context) => {
  const page = await open(context, '/', { key: place.key });
  const bars = page.locator('.recharts-bar-rectangle path');
  await expect.poll(() => bars.count()).toBe(3);
  const boxes = await Promise.all((await bars.all()).map((bar) => bar.boundingBox()));
  expect(new Set(boxes.map((box) => Math.round(box!.y + box!.height))).size).toBe(1);
  expect(new Set(boxes.map((box) => Math.round(box!.x))).size).toBe(3);
  await page.getByText('Restored').first().waitFor();
  expect(await page.locator('.recharts-legend-wrapper').textContent()).not.toContain('Imported');
});

test('what needs a person leads to its jobs', async (context) => {
  const page = await open(context, '/', { key: place.key });
  await page.getByRole('link', { name: '1 job can be tried again' }).click();
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();
  await page.getByRole('link', { name: 'Export of all users' }).waitFor();
  expect(await page.getByRole('row').count()).toBe(2);
});

test('a job that runs is shown with its progress, and is gone after its end', async (context) => {
  await stack().sql(`INSERT INTO workspaces (id, name) VALUES ('overview-run', 'overview-run')`);
  const key = await stack().adminKey('overview-run');
  const [job] = await stack().sql<{ id: string }>(
    `INSERT INTO jobs (id, workspace_id, type, state, phase, selection, options, actor_key_id, started_at)
     SELECT gen_random_uuid(), $1, 'export', 'running', 'exporting', '{"type": "all"}', '{}', id, now()
       FROM api_keys WHERE workspace_id = $1 LIMIT 1 RETURNING id`,
    ['overview-run'],
  );
  expect(job).toBeDefined();
  const page = await open(context, '/', { key });
  const row = page.getByRole('row', { name: /^Export of all users/ });
  await row.getByText('Running').waitFor();
  await page.getByText('No user was added, imported, deleted or restored.').waitFor();
  await page.getByText('Nothing needs you now.').waitFor();
  await stack().sql(`UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1`, [
    job?.id,
  ]);
  await page.getByText('No job is running.').waitFor();
});

test('people of operations see all workspaces, and no count of the users that were added', async (context) => {
  const page = await open(context, '/', { key: await stack().roleKey('ops') });
  const row = page.getByRole('row', { name: /^overview Waits|^overview .*Waits for a decision/ });
  await row.waitFor();
  await page.getByText('Numbers by day').click();
  expect(await page.getByRole('columnheader', { name: 'Added' }).count()).toBe(0);
  expect(await page.getByRole('columnheader', { name: 'Deleted' }).count()).toBe(1);
  await row.getByRole('link', { name: 'overview', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();
  expect(new URL(page.url()).search).toBe('?workspace=overview');
});

test('a failure shows its request id, and the next try shows the overview', async (context) => {
  const page = await open(context, '/settings', { key: place.key, statuses: [503] });
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.route('**/v1/overview*', (route) => route.fulfill(databaseAway('r-8')));
  await page.getByRole('link', { name: 'Overview' }).click();
  const alert = page.getByRole('alert');
  await alert.getByText('r-8').waitFor();
  await unroute(page, '**/v1/overview*');
  await alert.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('1 job can be tried again').waitFor();
});

test('while the server is away, the overview says so, and claims nothing of now', async (context) => {
  const page = await open(context, '/settings', { key: place.key, isCut: true, hasClock: true });
  await page.getByRole('link', { name: 'Overview' }).click();
  const main = page.getByRole('main');
  await main.getByText('142 users').waitFor();
  await main.getByText('No job is running.').waitFor();
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await page.route('**/v1/**', (route) => route.abort('connectionreset'));
  await pauseClock(page, 10_000);
  await page.getByRole('link', { name: 'Overview' }).click();
  await seeSoon(page, main.getByText(/^Offline. What you see is from/).first());
  await seeSoon(page, main.getByText('– users'));
  await seeSoon(page, main.getByText('No job was running then.'));
  expect(await main.getByText('Nothing needs you now.').count()).toBe(0);
  await unroute(page, '**/v1/**');
  await moveUntil(page, () => main.getByText('142 users').isVisible());
  await moveUntil(page, () => main.getByText('No job is running.').isVisible());
  await moveUntil(page, async () => (await main.getByText('Offline').count()) === 0);
});

test('a full overview is accessible, and fits its window, in each theme and width', async (context) => {
  const page = await open(context, '/', { key: place.key });
  await page.getByText('Numbers by day').click();
  await page.locator('.recharts-bar-rectangle path').first().waitFor();
  await expectAccessibleInEachLook(page);
});
