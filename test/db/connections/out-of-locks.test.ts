import { expect, test } from 'vitest';
import {
  countOf,
  inIndia,
  seedWorkspace,
  startDeletion,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { useOwnServer } from '../../support/database/own-server.ts';
import { deleteUsers, restoreUsers } from '../../support/steps/restore.ts';

/** All databases of a server share its lock table, so this file needs its own server. */

const database = useOwnServer();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

const lockEach = async (table: string, event: 'DELETE' | 'INSERT'): Promise<void> => {
  const [row, space] = event === 'DELETE' ? ['OLD', 7] : ['NEW', 8];
  await asOwner(`CREATE OR REPLACE FUNCTION lock_${event}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(${row}.user_id, ${space})); RETURN ${row}; END $$`);
  await asOwner(`CREATE TRIGGER lock_${event} BEFORE ${event} ON ${table}
    FOR EACH ROW EXECUTE FUNCTION lock_${event}()`);
};

test('a trigger that takes a lock for each user makes batches smaller, but does not stop the deletion', async () => {
  const workspace = await seedWorkspace(database(), 'locks', 40_000);
  await lockEach('users_locks', 'DELETE');
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 20_000 });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 20_000 });
  expect(await countOf(database(), 'locks')).toBe(20_000);
});

test('a batch is made smaller if its rehearsal takes too many locks', async () => {
  const count = 9_000;
  const workspace = await seedWorkspace(database(), 'paired', 0);
  await asOwner(`ALTER TABLE users ADD COLUMN spouse text COLLATE "C"`);
  // Ids of the same length, so that the file holds the two users of a pair one after the other.
  await asOwner(`INSERT INTO users (workspace_id, user_id, spouse)
    SELECT 'paired', 'u-' || n, 'u-' || CASE WHEN n % 2 = 0 THEN n + 1 ELSE n - 1 END
      FROM generate_series(10000, ${9999 + count}) n`);
  await asOwner('CREATE INDEX ON users_paired (workspace_id, spouse)');
  await asOwner(`ALTER TABLE users_paired ADD CONSTRAINT spouses FOREIGN KEY (workspace_id, spouse)
    REFERENCES users_paired`);
  await asOwner(`INSERT INTO users (workspace_id, user_id, created_at)
    SELECT 'paired', 'other-' || n, now() - interval '1 year'
    FROM generate_series(1, 3000) n`);
  for (const event of ['DELETE', 'INSERT'] as const) await lockEach('users_paired', event);
  const ids = Array.from({ length: count }, (_, n) => `u-${n + 10_000}`);
  const jobId = await startDeletion(database(), workspace, { ids });
  const { exportId } = await steps.backUp(jobId);
  const { deleted } = await steps.remove(jobId, exportId);
  // A batch that splits a pair fails, and then none of its users is deleted.
  expect(deleted).toBeGreaterThan(0);
});

test('a restore that needs more locks than PostgreSQL has fails, and its error names the setting to raise', async () => {
  const count = 20_000;
  const workspace = await seedWorkspace(database(), 'restored', count);
  const table = `users_${workspace.workspaceId}`;
  await database().owner.pool.query(`INSERT INTO users (workspace_id, user_id, created_at)
    SELECT '${workspace.workspaceId}', 'other-' || n, now() - interval '1 year' FROM generate_series(1, 3000) n`);
  await lockEach(table, 'INSERT');
  const ids = Array.from({ length: count }, (_, n) => `u-${n + 1}`);
  const { exportId } = await deleteUsers(database(), steps, workspace, ids);
  const result = await restoreUsers(database(), steps, workspace, exportId);
  expect(result).toMatchObject({
    state: 'failed',
    error: {
      type: 'outOfLocks',
      message: expect.stringContaining('max_locks_per_transaction') as string,
    },
    counts: { restored: 0, unprocessed: count },
  });
});
