import { beforeAll, expect, test } from 'vitest';
import { claimJob } from '../../../db/jobs/job-runs.ts';
import {
  createDeletionSteps,
  reasonsOf,
  startDeletion,
  type DeletionSteps,
} from '../../support/steps/deletion.ts';
import { useApi } from '../support.ts';

/** A retry can do nothing for a deletion that left only users that no longer match. */

const api = useApi();
let steps: DeletionSteps;
let made = 0;

beforeAll(async () => {
  steps = await createDeletionSteps(api().database);
});

const asOwner = (statement: string, values: unknown[] = []) =>
  api().database.owner.pool.query(statement, values);

/** Adds four users with a country of their own, and a deletion of them that is backed up. */
const backUp = async () => {
  const country = `C${made++}`;
  const names = [1, 2, 3, 4].map((n) => `${country}-${n}`);
  await asOwner(
    `INSERT INTO users (workspace_id, user_id, country)
     SELECT 'one', name, $2 FROM unnest($1::text[]) AS name`,
    [names, country],
  );
  const workspace = { workspaceId: 'one', keyId: api().keyIds.one };
  const filter = { field: 'country', op: 'is', value: country };
  const jobId = await startDeletion(api().database, workspace, { filter, confirmed: 4 });
  const { exportId } = await steps.backUp(jobId);
  return { jobId, exportId, names };
};

const move = (userId: string | undefined, country: string) =>
  asOwner('UPDATE users SET country = $2 WHERE user_id = $1', [userId, country]);

const completed = { kind: 'completed' } as const;

const retryable = async (): Promise<string[]> => {
  const { body } = await api().call('GET', '/v1/jobs?retryable=true');
  return body.data.map(({ id }: { id: string }) => id);
};

const expectOver = async (jobId: string) => {
  const job = (await api().call('GET', `/v1/jobs/${jobId}`)).body;
  expect(job.links.retry).toBeUndefined();
  expect(await retryable()).not.toContain(jobId);
  const answer = await api().call('POST', `/v1/jobs/${jobId}/retry`);
  expect(answer.status).toBe(409);
  expect(answer.body.detail).toBe(
    `Job ${jobId} has no users to retry: the remaining users no longer match its selection. Make a new preview.`,
  );
  return job;
};

const targetsOf = async (jobId: string): Promise<string[]> => {
  const { rows } = await asOwner('SELECT user_id FROM job_targets WHERE job_id = $1', [jobId]);
  return rows.map(({ user_id: id }) => id);
};

test.each([false, true])(
  'users that no longer match are reported with that reason and cannot be retried (last pass: %s)',
  async (isLast) => {
    const { jobId, exportId, names } = await backUp();
    await move(names[0], 'elsewhere');
    await steps.remove(jobId, exportId);
    await steps.settle(jobId, 1, isLast);
    await steps.finish({ jobId, end: completed });
    const job = await expectOver(jobId);
    expect(job).toMatchObject({
      state: 'partiallySucceeded',
      counts: { selected: 4, deleted: 3, changedSinceBackup: 1 },
    });
    const { body } = await api().call('GET', `/v1/deletions/${jobId}/records`);
    expect(body.data).toContainEqual({
      userId: names[0],
      outcome: 'changedSinceBackup',
      reason: 'noLongerMatches',
    });
  },
);

test('a retry contains only the changed user that still matches', async () => {
  const { jobId, exportId, names } = await backUp();
  await move(names[0], 'elsewhere');
  await asOwner("UPDATE users SET city = 'Pune' WHERE user_id = $1", [names[1]]);
  await steps.remove(jobId, exportId);
  await steps.settle(jobId, 1, true);
  await steps.finish({ jobId, end: completed });
  expect(await reasonsOf(api().database, jobId)).toEqual({
    [names[0]!]: 'changedSinceBackup noLongerMatches',
    [names[1]!]: 'changedSinceBackup',
  });
  expect(await retryable()).toContain(jobId);
  expect((await api().call('GET', `/v1/jobs/${jobId}`)).body.retrySelects).toBe('left');
  const retry = await api().call('POST', `/v1/jobs/${jobId}/retry`);
  expect(retry.status).toBe(202);
  expect(await targetsOf(retry.body.id)).toEqual([names[1]]);
});

test('a preview of a retry has the users of the retry that still match', async () => {
  const { jobId, exportId, names } = await backUp();
  await asOwner("UPDATE users SET city = 'Pune' WHERE user_id = ANY ($1)", [names.slice(0, 2)]);
  await steps.remove(jobId, exportId);
  await steps.settle(jobId, 1, true);
  await steps.finish({ jobId, end: completed });
  const { id } = (await api().call('POST', `/v1/jobs/${jobId}/retry`)).body;
  expect(await targetsOf(id)).toEqual(names.slice(0, 2));
  const country = names[0]!.slice(0, -2);
  await asOwner(`INSERT INTO users (workspace_id, user_id, country) VALUES ('one', $1, $2)`, [
    `${country}-new`,
    country,
  ]);
  const previewOf = (ofJob: string) =>
    api().call('POST', '/v1/deletion-previews', { body: { ofJob } });
  expect((await previewOf(jobId)).body).toMatchObject({ count: 3 });
  expect((await previewOf(id)).body).toMatchObject({ count: 2, notFound: 0 });
  await move(names[0], 'elsewhere');
  const { body: preview } = await previewOf(id);
  expect(preview).toMatchObject({ count: 1, notFound: 1, sample: [{ userId: names[1] }] });
  const deletion = await api().call('POST', '/v1/deletions', {
    body: { previewId: preview.id, confirm: { count: 1 }, reason: 'again' },
  });
  expect(deletion.body.selection).toEqual({ type: 'list', listId: id, count: 1 });
  expect(await targetsOf(deletion.body.id)).toEqual([names[1]]);
});

test('a retry whose users no longer match cannot be retried again', async () => {
  const { jobId, exportId, names } = await backUp();
  await asOwner("UPDATE users SET city = 'Pune' WHERE user_id = $1", [names[0]]);
  await steps.remove(jobId, exportId);
  await steps.settle(jobId, 1, true);
  await steps.finish({ jobId, end: completed });
  const { id } = (await api().call('POST', `/v1/jobs/${jobId}/retry`)).body;
  await move(names[0], 'elsewhere');
  await claimJob(api().database.app.db, id, 'run');
  const backup = await steps.backUp(id);
  await steps.remove(id, backup.exportId);
  await steps.settle(id, 1);
  await steps.finish({ jobId: id, end: completed });
  expect(await expectOver(id)).toMatchObject({
    counts: { selected: 1, deleted: 0, changedSinceBackup: 1 },
  });
});

test('a failed deletion can be retried, unless all remaining users are known to no longer match', async () => {
  const { jobId, exportId, names } = await backUp();
  await move(names[0], 'elsewhere');
  await steps.remove(jobId, exportId);
  await steps.settle(jobId, 1);
  const end = { kind: 'failed', type: 'storageFull', message: 'x' } as const;
  await steps.finish({ jobId, end });
  await expectOver(jobId);

  const other = await backUp();
  await move(other.names[0], 'elsewhere');
  await steps.finish({ jobId: other.jobId, end });
  // No step has reached these users, so nothing is known about whether they still match.
  expect(await retryable()).toContain(other.jobId);
});

test('the count of users that no longer match uses its own index', async () => {
  const { rows } = await asOwner(`EXPLAIN SELECT count(*) FROM outcomes
    WHERE job_id = '01a2254c-b4ac-76ac-8a98-324bc4061c57' AND reason = 'noLongerMatches'`);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('outcomes_no_longer_matching');
});
