import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  failureOf,
  inIndia,
  seedWorkspace,
  type SeededWorkspace,
  startDeletion,
  startExport,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';

/** A job whose stored selection was changed deletes nobody, rather than more users. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const USERS = 10;
const ID = '019a0f6e-5c2a-7b1d-8a3e-4f5061728394';

const QUERY = {
  type: 'query',
  q: 'u-',
  segment: { id: ID, name: 'India', filter: inIndia },
  filter: { field: 'userId', op: 'contains', value: '4' },
  excludeIds: ['u-1'],
};
const FILTER = { type: 'filter', filter: inIndia, excludeIds: ['u-2'] };
const SEGMENT = { ...FILTER, type: 'segment', segmentId: ID, segmentName: 'India' };

const startWith = async (workspace: SeededWorkspace, selection: object) => {
  const filter = { field: 'userId', op: 'isKnown' };
  const jobId = await startDeletion(database(), workspace, { filter, confirmed: USERS });
  await database().owner.pool.query('UPDATE jobs SET selection = $2 WHERE id = $1', [
    jobId,
    JSON.stringify(selection),
  ]);
  return jobId;
};

const without = (selection: object, name: string) =>
  Object.fromEntries(Object.entries(selection).filter(([key]) => key !== name));

const broken = [QUERY, FILTER, SEGMENT].flatMap((whole) => [
  ...Object.keys(whole).map((name): [string, object] => [
    `${whole.type} without ${name}`,
    without(whole, name),
  ]),
  [`${whole.type} with an unknown part`, { ...whole, all: true }] as [string, object],
]);

test('a job with a broken selection of any type fails, and deletes nobody', async () => {
  const workspace = await seedWorkspace(database(), 'tampered', USERS);
  for (const [name, selection] of broken) {
    const jobId = await startWith(workspace, selection);
    const failure = await failureOf(steps.backUp(jobId));
    expect({ name, type: failure?.type }).toEqual({ name, type: 'selectionUnreadable' });
    const end = { kind: 'failed', type: 'selectionUnreadable', message: 'm' } as const;
    expect(await steps.finish({ jobId, end })).toMatchObject({
      state: 'failed',
      counts: { deleted: 0 },
    });
  }
  expect(await countOf(database(), 'tampered')).toBe(USERS);
});

test('an export of a column that does not exist fails at once, and so does one without a table of users', async () => {
  const workspace = await seedWorkspace(database(), 'columns', USERS);
  const columns = ['userId', 'properties.gone'];
  const jobId = await startExport(database(), workspace, { columns });
  expect(await failureOf(steps.write(jobId))).toMatchObject({
    type: 'selectionUnreadable',
    nonRetryable: true,
  });
  const other = await startExport(database(), workspace);
  await database().owner.pool.query('DROP TABLE users_columns');
  expect(await failureOf(steps.write(other))).toMatchObject({
    type: 'databaseRefused',
    nonRetryable: true,
  });
});

test('a selection that is changed between two passes ends the job, and no pass deletes more', async () => {
  const workspace = await seedWorkspace(database(), 'between', USERS);
  const jobId = await startWith(workspace, { ...FILTER, excludeIds: [] });
  const backup = await steps.backUp(jobId);
  expect(backup.rows).toBe(USERS / 2);
  await database().owner.pool.query(
    `UPDATE users SET city = 'Pune' WHERE workspace_id = 'between' AND user_id = 'u-2';
     UPDATE jobs SET selection = selection - 'filter' WHERE id = '${jobId}'`,
  );
  expect(await steps.remove(jobId, backup.exportId)).toEqual({ deleted: USERS / 2 - 1 });
  expect(await failureOf(steps.settle(jobId, 1))).toMatchObject({ type: 'selectionUnreadable' });
  expect(await countOf(database(), 'between')).toBe(USERS / 2 + 1);
});

test('whole selections of these types delete exactly their users', async () => {
  for (const [index, [selection, rows]] of (
    [
      [QUERY, 1],
      [FILTER, 4],
      [SEGMENT, 4],
    ] as const
  ).entries()) {
    const workspace = await seedWorkspace(database(), `whole-${index}`, USERS);
    const jobId = await startWith(workspace, selection);
    expect(await steps.backUp(jobId)).toMatchObject({ rows });
  }
});
