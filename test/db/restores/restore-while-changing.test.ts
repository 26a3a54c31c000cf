import { afterEach, expect, test } from 'vitest';
import { createRestoreBackedUpUsers } from '../../../activities/restores/restore-users.ts';
import { claimJob, enterPhase } from '../../../db/jobs/job-runs.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  failureOf,
  seedWorkspace,
  type SeededWorkspace,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { deleteUsers, queueRestore } from '../../support/steps/restore.ts';

/** Somebody changes the table of users while users are restored. */

const database = useDatabase();
const steps = useDeletionSteps(database);
let made = 0;

const asOwner = (statement: string) => database().owner.pool.query(statement);

afterEach(() =>
  asOwner(`ALTER TABLE users DROP COLUMN IF EXISTS nick, DROP COLUMN IF EXISTS handle,
    DROP COLUMN IF EXISTS extra; DROP TYPE IF EXISTS mood`),
);

/** A restore that has begun, of a user with a value in the column `nick`. */
const beginRestore = async (type: string, value: string) => {
  const workspace = await seedWorkspace(database(), `changing${made++}`, 3);
  await asOwner(`ALTER TABLE users ADD COLUMN nick ${type}`);
  await asOwner(
    `UPDATE users SET nick = '${value}' WHERE workspace_id = '${workspace.workspaceId}'`,
  );
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  return { workspace, jobId: await startRestore(workspace, exportId) };
};

const startRestore = async (workspace: SeededWorkspace, backupId: string) => {
  const jobId = await queueRestore(database(), workspace, backupId);
  await claimJob(database().worker.db, jobId, 'test-run');
  await enterPhase(database().worker.db, jobId, 'restoring');
  return jobId;
};

/** Runs the step. `change` is made once its columns are read, before its first part. */
const restore = async (jobId: string, change?: string) => {
  const { pool } = database().worker;
  const connect = async () => {
    if (change !== undefined) await asOwner(change);
    return pool.connect();
  };
  const deps = { ...steps.deps, lanes: Object.assign(Object.create(pool), { connect }) };
  return createRestoreBackedUpUsers(deps)({ jobId }, new AbortController().signal);
};

test.each([
  [
    'a column takes the name of another',
    'text',
    'ada',
    'ALTER TABLE users RENAME nick TO handle; ALTER TABLE users ADD nick text',
    'columnGone',
  ],
  [
    'two labels are exchanged',
    'mood',
    'good',
    `ALTER TYPE mood RENAME VALUE 'good' TO 'x'; ALTER TYPE mood RENAME VALUE 'bad' TO 'good';
     ALTER TYPE mood RENAME VALUE 'x' TO 'bad'`,
    'typeChanged',
  ],
])(
  'where %s, no user gets a value in the wrong place: the step begins again, and ends with one clear error',
  async (_what, type, value, change, error) => {
    await asOwner(`CREATE TYPE mood AS ENUM ('good', 'bad')`);
    const { workspace, jobId } = await beginRestore(type, value);
    expect(await failureOf(restore(jobId, change))).toMatchObject({
      type: 'usersContended',
      nonRetryable: false,
    });
    expect(await countOf(database(), workspace.workspaceId)).toBe(1);
    expect(await failureOf(restore(jobId))).toMatchObject({ type: error });
    expect(await countOf(database(), workspace.workspaceId)).toBe(1);
  },
);

test('a harmless change makes the step begin again, and then all users are restored', async () => {
  const { workspace, jobId } = await beginRestore('text', 'ada');
  const change = `ALTER TABLE users ADD COLUMN extra int DEFAULT 7`;
  expect(await failureOf(restore(jobId, change))).toMatchObject({ type: 'usersContended' });
  expect(await restore(jobId)).toEqual({ restored: 2 });
  expect(await countOf(database(), workspace.workspaceId)).toBe(3);
});
