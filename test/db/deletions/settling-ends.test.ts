import { afterEach, expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import {
  inIndia,
  outcomesOf,
  seedWorkspace,
  startDeletion,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';

/** An interrupted deletion ends, whatever the table has become. */

const database = useDatabase();
const steps = useDeletionSteps(database);
const undo: string[] = [];
let made = 0;

const asOwner = (statement: string) => database().owner.pool.query(statement);

afterEach(async () => {
  for (const statement of undo.splice(0).toReversed()) await asOwner(statement);
});

const failed = { kind: 'failed', type: 'databaseRefused', message: 'no' } as const;

/** A backed-up deletion of the users in a filter, which has failed. */
const prepare = async () => {
  const workspace = await seedWorkspace(database(), `settling${made++}`, 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  await steps.backUp(jobId);
  return jobId;
};

/** As if so much time had passed since the job began to settle. */
const pass = (jobId: string, time: string) =>
  asOwner(`UPDATE jobs SET phase_started_at = phase_started_at - interval '${time}'
    WHERE id = '${jobId}'`);

const rename = async (from: string, to: string) => {
  await asOwner(`ALTER TABLE users RENAME COLUMN ${from} TO ${to}`);
  undo.push(`ALTER TABLE users RENAME COLUMN ${to} TO ${from}`);
};

test('a column of the filter that is gone keeps no user from an outcome', async () => {
  const jobId = await prepare();
  await rename('country', 'land');
  expect(await steps.finish({ jobId, end: failed })).toMatchObject({
    state: 'failed',
    counts: { selected: 5, deleted: 0, unprocessed: 5 },
  });
  expect(Object.keys(await outcomesOf(database(), jobId))).toHaveLength(5);
});

test('a job whose users cannot be settled ends after a minute, and counts them', async () => {
  const jobId = await prepare();
  await rename('legal_hold', 'hold');
  await expect(steps.finish({ jobId, end: failed })).rejects.toMatchObject({ code: '42703' });
  await pass(jobId, '2 minutes');
  expect(await steps.finish({ jobId, end: failed })).toMatchObject({
    state: 'failed',
    error: { type: 'databaseRefused' },
    counts: { selected: 5, deleted: 0, unprocessed: 5 },
  });
  expect(await outcomesOf(database(), jobId)).toEqual({});
});

test('a grant that is missing is waited for, but not for ever', async () => {
  const jobId = await prepare();
  await asOwner('REVOKE INSERT ON outcomes FROM keepsake_worker');
  undo.push('GRANT INSERT ON outcomes TO keepsake_worker');
  await expect(steps.finish({ jobId, end: failed })).rejects.toMatchObject({ code: '42501' });
  await pass(jobId, '2 hours');
  await expect(steps.finish({ jobId, end: failed })).rejects.toMatchObject({ code: '42501' });
  await pass(jobId, '1 day');
  expect(await steps.finish({ jobId, end: failed })).toMatchObject({
    state: 'failed',
    counts: { unprocessed: 5 },
  });
});
