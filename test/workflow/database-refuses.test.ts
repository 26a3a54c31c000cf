import { expect, test } from 'vitest';
import { workflowIdOf } from '../../workflows/contracts/jobs.ts';
import { useTimeSkipping } from '../support/stack/time-skipping.ts';
import { waitFor } from '../support/wait.ts';

const { ask, database, env } = useTimeSkipping();

const sql = (text: string) => database().owner.pool.query(text);

/** The steps whose last try PostgreSQL refused, as Temporal reports them. */
const refusedSteps = async (workflowId: string, tries: number): Promise<string[]> => {
  const { raw } = await env().client.workflow.getHandle(workflowId).describe();
  return (raw.pendingActivities ?? [])
    .filter(({ attempt }) => (attempt ?? 0) >= tries)
    .filter(({ lastFailure }) => lastFailure?.applicationFailureInfo?.type === 'databaseRefused')
    .map(({ activityType }) => activityType?.name ?? '');
};

/**
 * Waits until the step was refused so often that Temporal tries it as an activity, no longer as a
 * local activity.
 */
const untilRefused = (workflowId: string, step: string) =>
  waitFor(async () => expect(await refusedSteps(workflowId, 3)).toEqual([step]), 200);

test('an approval that the database refuses is applied once the database accepts it', async () => {
  const request = await ask();
  await sql('REVOKE UPDATE ON delete_all_requests FROM keepsake_gate');
  const code = await request.steps.codeOf(request.id, 'approve', request.people.pia);
  await request.handle.signal('approve', { code });
  await untilRefused(request.handle.workflowId, 'decideRequest');
  await sql('GRANT UPDATE ON delete_all_requests TO keepsake_gate');
  await request.until('open');
  await request.send('withdraw', { by: request.people.bob });
  expect(await request.ends('withdrawn')).toBe('withdrawn');
});

test('a job whose claim and end the database refuses succeeds once the database accepts them', async () => {
  const request = await ask();
  await request.send('approve', { by: request.people.pia });
  await sql('REVOKE UPDATE ON jobs FROM keepsake_worker');
  await request.run();
  await request.until('running');
  const { job_id: jobId } = await request.request();
  const workflowId = workflowIdOf({ id: jobId!, type: 'deletion' });
  await untilRefused(workflowId, 'claimJob');
  // Only the last statement of an end is refused: its line in the activity log.
  await sql(`ALTER TABLE activity ADD CONSTRAINT no_end
    CHECK (kind <> 'deletionFinished') NOT VALID`);
  await sql('GRANT UPDATE ON jobs TO keepsake_worker');
  await untilRefused(workflowId, 'finishJob');
  await sql('ALTER TABLE activity DROP CONSTRAINT no_end');
  expect(await request.ends('completed')).toBe('completed');
  const { rows } = await sql(`SELECT state FROM jobs WHERE id = '${jobId}'`);
  expect(rows).toEqual([{ state: 'succeeded' }]);
});

test('a job that is cancelled before it could be claimed ends as cancelled once the database is back', async () => {
  const request = await ask();
  await request.send('approve', { by: request.people.pia });
  await sql('REVOKE UPDATE ON jobs FROM keepsake_worker');
  await request.run();
  await request.until('running');
  const { job_id: jobId } = await request.request();
  const workflowId = workflowIdOf({ id: jobId!, type: 'deletion' });
  await untilRefused(workflowId, 'claimJob');
  await env().client.workflow.getHandle(workflowId).cancel();
  await sql('GRANT UPDATE ON jobs TO keepsake_worker');
  const ended = async () =>
    (await sql(`SELECT state FROM jobs WHERE id = '${jobId}' AND finished_at IS NOT NULL`)).rows;
  await waitFor(async () => expect(await ended()).toEqual([{ state: 'cancelled' }]));
});
