import { expect, test } from 'vitest';
import { useConsole } from '../support/browser/console.ts';
import { addPlace, beginDeletion } from '../support/browser/deletions.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const { stack, open } = useConsole(useOwnStack);

test('a job that waits for a worker says so, in the list too, and goes on once one runs', async (context) => {
  const place = await addPlace(stack(), 'waits', { users: 100, inParis: 20 });
  const worker = stack().stack.info().pids.worker!;
  process.kill(worker, 'SIGSTOP');
  try {
    await stack().sql(`UPDATE worker_heartbeats SET beat_at = now() - interval '1 hour'`);
    const id = await beginDeletion(place);
    const page = await open(context, '/jobs?state=active', { key: place.key });
    await page.getByRole('cell', { name: 'Waiting to start' }).waitFor();
    await page.getByRole('link', { name: 'Deletion of users that match a filter' }).click();
    await page.getByText('No worker runs, so the job waits.').waitFor();
    expect(await page.title()).toBe('Deletion waits – waits – Keepsake');
    process.kill(worker, 'SIGCONT');
    await page.getByRole('heading', { level: 2, name: '20 deleted' }).waitFor();
    await place.api.finish(id);
  } finally {
    process.kill(worker, 'SIGCONT');
  }
});
