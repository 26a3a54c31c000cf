import { expect, test } from 'vitest';
import { useConsole } from '../support/browser/console.ts';
import { addPlace, beginDeletion, IN_PARIS } from '../support/browser/deletions.ts';
import { holdUp } from '../support/hold-up.ts';

const { stack, open } = useConsole();

test('the records of a running job are read again once it has ended', async (context) => {
  const { key, workspaceId } = await addPlace(stack(), 'records-1', { users: 1, inParis: 1 });
  // No workflow processes this deletion: the test moves it on.
  const [job] = await stack().sql<{ id: string }>(
    `INSERT INTO jobs (id, workspace_id, type, state, phase, selection, options, actor_key_id, started_at)
     SELECT gen_random_uuid(), $1, 'deletion', 'running', 'settling', $2, '{}', id, now()
       FROM api_keys WHERE workspace_id = $1 LIMIT 1 RETURNING id`,
    [workspaceId, IN_PARIS],
  );
  const page = await open(context, `/jobs/${job!.id}?tab=records`, { key });
  const panel = page.getByRole('tabpanel');
  await panel.getByText('No records.').waitFor();
  await stack().sql(
    `INSERT INTO outcomes (job_id, user_id, outcome) VALUES ($1, 'u-1', 'failed')`,
    [job!.id],
  );
  const counts = { deleted: 0, changedSinceBackup: 0, notFound: 0, held: 0 };
  await stack().sql(
    `UPDATE jobs SET state = 'partiallySucceeded', phase = NULL, finished_at = now(), counts = $2
      WHERE id = $1`,
    [job!.id, { ...counts, selected: 1, failed: 1, unprocessed: 0 }],
  );
  await panel.getByRole('row', { name: /^u-1/ }).waitFor();
});

test('until the records of another outcome are there, the page does not say that there are none', async (context) => {
  const place = await addPlace(stack(), 'records-2', { users: 40, inParis: 5 });
  await stack().sql(
    `UPDATE users SET legal_hold = true WHERE workspace_id = $1 AND user_id = 'u-2'`,
    [place.workspaceId],
  );
  const id = await beginDeletion(place);
  await place.api.finish(id);
  const page = await open(context, `/jobs/${id}?tab=records`, { key: place.key });
  const panel = page.getByRole('tabpanel');
  await panel.getByRole('row').nth(1).waitFor();
  await page.route('**/records?*outcome=deleted*', (route) =>
    route.fulfill({ json: { data: [], nextCursor: null } }),
  );
  await panel.getByLabel('Outcome').selectOption('deleted');
  await panel.getByText('No records.').waitFor();

  const { held, release } = holdUp();
  await page.route('**/records?*outcome=held*', async (route) => {
    await held;
    await route.continue();
  });
  await panel.getByLabel('Outcome').selectOption('held');
  await panel.getByText('No records.').waitFor({ state: 'hidden' });
  release();
  await panel.getByRole('row', { name: /^u-2/ }).waitFor();
  expect(await panel.getByRole('row').count()).toBe(2);
});
