import { expect, test, vi } from 'vitest';
import * as rehearsal from '../../../activities/restores/rehearse-restore.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  inIndia,
  seedWorkspace,
  startDeletion,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { withoutChecks } from '../../support/steps/gate.ts';
import { restoreUsers, rowsOf } from '../../support/steps/restore.ts';
import { waitUntil } from '../../support/wait.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';

/**
 * If a rehearsal finds no user, the first batch that deletes one is rehearsed before it commits.
 */

vi.mock('../../../activities/restores/rehearse-restore.ts', { spy: true });

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

let made = 0;

const prepare = async (users = 10) => {
  const workspace = await seedWorkspace(database(), `batch${made++}`, users);
  return { workspace, table: `users_${workspace.workspaceId}` };
};

/** Locks a row as a foreign key does. @returns a function that releases the lock */
const hold = async (table: string, userId: string): Promise<() => Promise<void>> => {
  const client = await database().owner.pool.connect();
  await client.query('BEGIN');
  await client.query(`SELECT FROM ${table} WHERE user_id = $1 FOR KEY SHARE`, [userId]);
  return async () => {
    await client.query('ROLLBACK');
    client.release();
  };
};

/** Locks all users with smaller ids. @returns a function that releases the locks */
const holdBefore = async (table: string, userId: string): Promise<() => Promise<void>> => {
  const client = await database().owner.pool.connect();
  await client.query('BEGIN');
  await client.query(`SELECT FROM ${table} WHERE user_id < $1 FOR KEY SHARE`, [userId]);
  return async () => {
    await client.query('ROLLBACK');
    client.release();
  };
};

/** Users whose backup has two parts, and other users. Ids are sorted as text, as in a backup. */
const prepareTwoParts = async () => {
  const ids = Array.from({ length: 50_010 }, (_, n) => `u-${n + 1}`).toSorted();
  const { workspace, table } = await prepare(ids.length);
  await database().owner.pool.query(`INSERT INTO users (workspace_id, user_id, created_at)
    SELECT '${workspace.workspaceId}', 'other-' || n, now() - interval '1 year'
      FROM generate_series(1, 10000) n`);
  return { workspace, table, ids, firstOfSecond: ids[50_000] ?? '', count: ids.length + 10_000 };
};

const isWaiting = async (): Promise<boolean> =>
  (await countLockWaits(database().owner.pool, 'delete_backed_up_users')) > 0;

/** Lets a batch wait so long for a lock that a busy machine sees it wait. */
const waitingLonger = <Result>(trial: () => Promise<Result>): Promise<Result> =>
  withoutChecks(database().owner, [[`'lock_timeout', '2s'`, `'lock_timeout', '60s'`]], trial);

/** Deletes the users of a backup, of which one is locked until the batch waits for the lock. */
const removeOnceUnlocked = async (
  { jobId, exportId }: { jobId: string; exportId: string },
  letGo: () => Promise<void>,
) =>
  waitingLonger(async () => {
    const removing = steps.remove(jobId, exportId).catch((error: unknown) => error);
    await waitUntil(isWaiting, 20);
    await letGo();
    return removing;
  });

test('a user that was locked during the rehearsal is not deleted without another rehearsal', async () => {
  const { workspace, table } = await prepare();
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT odd CHECK (country = 'FR') NOT VALID`);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  const { exportId } = await steps.backUp(jobId);
  const letGo = await hold(table, 'u-1');
  const removed = await removeOnceUnlocked({ jobId, exportId }, letGo);
  expect(removed).toMatchObject({ type: 'notRestorable' });
  expect(await countOf(database(), workspace.workspaceId)).toBe(10);
});

test('a user that was locked during the rehearsal is deleted after another rehearsal', async () => {
  const { workspace, table } = await prepare();
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  const { exportId } = await steps.backUp(jobId);
  const letGo = await hold(table, 'u-1');
  expect(await removeOnceUnlocked({ jobId, exportId }, letGo)).toEqual({ deleted: 1 });
});

test('locked orders keep their own users, and all other users are deleted', async () => {
  const { workspace, table } = await prepare(100);
  await asOwner(`CREATE TABLE orders_held (w text, u text COLLATE "C",
    FOREIGN KEY (w, u) REFERENCES ${table} ON DELETE RESTRICT DEFERRABLE)`);
  await asOwner(`CREATE INDEX ON orders_held (w, u)`);
  const held = Array.from({ length: 12 }, (_, n) => `u-${2 * n + 2}`);
  await database().owner.pool.query('INSERT INTO orders_held SELECT $1, unnest($2::text[])', [
    workspace.workspaceId,
    held,
  ]);
  const client = await database().owner.pool.connect();
  await client.query('BEGIN');
  await client.query('DELETE FROM orders_held');
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 50 });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 38 });
  await client.query('ROLLBACK');
  client.release();
});

test('users that can only be deleted together are deleted after a rehearsal of all of them', async () => {
  const { workspace, table } = await prepare(300);
  await asOwner(`ALTER TABLE users ADD COLUMN spouse text COLLATE "C"`);
  // The two users of a pair stand far apart, so the first users of a batch cannot be deleted
  // without the rest.
  await asOwner(`UPDATE ${table} SET spouse = 'u-' || (301 - substr(user_id, 3)::int)
    WHERE substr(user_id, 3)::int NOT BETWEEN 121 AND 180`);
  await asOwner(`UPDATE ${table} SET spouse = 'u-150' WHERE user_id = 'u-149'`);
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT spouses FOREIGN KEY (workspace_id, spouse)
    REFERENCES ${table}`);
  const ids = Array.from({ length: 300 }, (_, n) => `u-${n + 1}`).filter(
    (_, n) => n < 120 || n >= 180,
  );
  const before = await rowsOf(database(), workspace.workspaceId);
  const jobId = await startDeletion(database(), workspace, { ids });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 240 });
  await steps.settle(jobId, 1);
  await steps.finish({ jobId, end: { kind: 'completed' } });
  const restored = await restoreUsers(database(), steps, workspace, exportId);
  expect(restored).toMatchObject({ state: 'succeeded', counts: { restored: 240 } });
  expect(await rowsOf(database(), workspace.workspaceId)).toEqual(before);
  await asOwner('ALTER TABLE users DROP COLUMN spouse');
});

test('users that can only be deleted together are not deleted if they cannot be restored together', async () => {
  const { workspace, table } = await prepare();
  await asOwner(`ALTER TABLE users ADD COLUMN spouse text COLLATE "C"`);
  await asOwner(`UPDATE ${table} SET spouse = CASE user_id WHEN 'u-1' THEN 'u-2' ELSE 'u-1' END
    WHERE user_id IN ('u-1', 'u-2')`);
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT spouses FOREIGN KEY (workspace_id, spouse)
    REFERENCES ${table}`);
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT odd CHECK (country = 'FR') NOT VALID`);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2'] });
  const { exportId } = await steps.backUp(jobId);
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({ type: 'notRestorable' });
  expect(await countOf(database(), workspace.workspaceId)).toBe(10);
  await asOwner('ALTER TABLE users DROP COLUMN spouse');
});

test('a batch rehearses a user for each column with a value, not only its first users', async () => {
  const { workspace, table } = await prepare(300);
  await asOwner(`UPDATE ${table} SET language = 'old' WHERE user_id = 'u-300'`);
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT odd CHECK (language <> 'old') NOT VALID`);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 150 });
  const { exportId } = await steps.backUp(jobId);
  vi.mocked(rehearsal.rehearseRestore).mockResolvedValueOnce(false);
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({
    type: 'notRestorable',
    message: expect.stringContaining('(constraint odd)'),
  });
  expect(await countOf(database(), workspace.workspaceId)).toBe(300);
});

const isAsleep = async (): Promise<boolean> => {
  const { rowCount } = await asOwner(`SELECT FROM pg_stat_activity
    WHERE wait_event = 'PgSleep' AND datname = current_database()`);
  return rowCount !== 0;
};

test('while a batch of one lane is rehearsed, no other lane deletes a user', async () => {
  const { workspace, table, ids, firstOfSecond, count } = await prepareTwoParts();
  await asOwner(`CREATE FUNCTION refuse_slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.user_id < '${firstOfSecond}' THEN PERFORM pg_sleep(0.02); RETURN NULL; END IF;
    RETURN NEW; END $$`);
  await asOwner(`CREATE TRIGGER refuse_slowly BEFORE INSERT ON ${table}
    FOR EACH ROW EXECUTE FUNCTION refuse_slowly()`);
  const jobId = await startDeletion(database(), workspace, { ids });
  const { exportId } = await steps.backUp(jobId);
  // As if other transactions had locked all users during the first rehearsal.
  vi.mocked(rehearsal.rehearseRestore).mockResolvedValueOnce(false);
  const letGo = await hold(table, firstOfSecond);
  const removing = steps.remove(jobId, exportId).catch((error: unknown) => error);
  await waitUntil(isAsleep, 5);
  await letGo();
  expect(await removing).toMatchObject({ type: 'notRestorable' });
  expect(await countOf(database(), workspace.workspaceId)).toBe(count);
});

test('if all users of the first part are locked, the rehearsal takes users of a later part', async () => {
  const { workspace, table, ids, firstOfSecond, count } = await prepareTwoParts();
  // Only users of the second part can show that they cannot be restored.
  await asOwner(
    `ALTER TABLE ${table} ADD CONSTRAINT odd CHECK (user_id < '${firstOfSecond}') NOT VALID`,
  );
  const jobId = await startDeletion(database(), workspace, { ids });
  const { exportId } = await steps.backUp(jobId);
  const { rows } = await asOwner(`SELECT count(*)::int AS parts FROM export_parts
    WHERE export_id = '${exportId}' AND part > 0`);
  expect(rows).toEqual([{ parts: 2 }]);
  const letGo = await holdBefore(table, firstOfSecond);
  const { mock } = vi.mocked(rehearsal.rehearseRestore);
  const before = mock.calls.length;
  try {
    await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({
      type: 'notRestorable',
      message: expect.stringContaining('(constraint odd)'),
    });
  } finally {
    await letGo();
  }
  expect(mock.settledResults.slice(before)).toMatchObject([{ type: 'rejected' }]);
  expect(await countOf(database(), workspace.workspaceId)).toBe(count);
});
