import { afterEach, beforeAll, expect, test } from 'vitest';
import type { JobWorkflows } from '../../../api/jobs/job-workflows.ts';
import { useApi } from '../support.ts';

/** The answers to the deletion of one user under legal hold. */

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

let start: JobWorkflows['start'];

beforeAll(() => {
  ({ start } = api().starter);
});

afterEach(() => {
  api().starter.start = start;
});

const make = (userId: string, legalHold: boolean) =>
  api().call('POST', '/v1/users', { body: { userId, legalHold } });

const jobCount = async (): Promise<number> =>
  (await query("SELECT count(*)::int AS n FROM jobs WHERE type = 'deletion'")).rows[0].n;

test.each([
  ['without a wait', {}],
  ['with one', { prefer: 'wait=10' }],
])('the deletion of a held user is refused and starts no job (wait: %s)', async (_how, headers) => {
  await make('sued', true);
  const before = await jobCount();
  const answer = await api().call('DELETE', '/v1/users/sued', { headers });
  expect(answer.body).toMatchObject({ status: 409, type: '/problems/user-held' });
  expect(answer.body.detail).not.toContain('sued');
  expect(await jobCount()).toBe(before);
  expect(api().starter.started).toEqual([]);
});

test('a hold that is set after the job has started answers 409 to a request that waits', async () => {
  await make('late', false);
  api().starter.start = async ({ id }) => {
    const counts = { selected: 1, deleted: 0, held: 1, failed: 0, notFound: 0 };
    await query(
      `UPDATE jobs SET state = 'failed', error_type = 'held', error_message = 'm', finished_at = now(),
              counts = $2 WHERE id = $1`,
      [id, JSON.stringify({ ...counts, changedSinceBackup: 0, unprocessed: 0 })],
    );
  };
  const headers = { 'idempotency-key': 'late', prefer: 'wait=10' };
  const answer = await api().call('DELETE', '/v1/users/late', { headers });
  expect(answer.body).toMatchObject({ status: 409, type: '/problems/user-held' });
  const { rows } = await query("SELECT id FROM jobs WHERE idempotency_key = 'late'");
  expect(answer.body.detail).toContain(rows[0].id);
  // A request that does not wait gets the job, which shows the hold.
  const again = await api().call('DELETE', '/v1/users/late', {
    headers: { 'idempotency-key': 'late' },
  });
  expect(again).toMatchObject({
    status: 202,
    body: { state: 'failed', error: { type: 'held' }, counts: { deleted: 0, held: 1 } },
  });
  expect(again.body.links.retry).toBeUndefined();
});
