import { expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { seedWorkspace, useDeletionSteps } from '../support/deletion.ts';
import { deleteUsers, restoreUsers } from '../support/restore.ts';

/** Users who need others to come back, and what a part needs as a whole. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

let made = 0;

/** Users who have others as their boss, deleted; the file has them in this order. */
const withBosses = async (bosses: Record<string, string>) => {
  const name = `bosses${made++}`;
  const workspace = await seedWorkspace(database(), name, 0);
  const table = `users_${name}`;
  await asOwner(`ALTER TABLE users ADD COLUMN IF NOT EXISTS boss text COLLATE "C"`);
  const ids = Object.keys(bosses);
  for (const id of ids) {
    await asOwner(`INSERT INTO users (workspace_id, user_id) VALUES ('${name}', '${id}')`);
  }
  await asOwner(`INSERT INTO users (workspace_id, user_id) VALUES ('${name}', 'other')`);
  for (const [id, boss] of Object.entries(bosses)) {
    await asOwner(`UPDATE ${table} SET boss = '${boss}' WHERE user_id = '${id}'`);
  }
  const { exportId } = await deleteUsers(database(), steps, workspace, ids);
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT ${name}_boss FOREIGN KEY (workspace_id, boss)
    REFERENCES ${table} (workspace_id, user_id)`);
  return { workspace, table, name, exportId };
};

test('who is refused keeps out those alone who refer to them, in whatever order the file has them', async () => {
  const chain = Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [`u-${n + 1}`, `u-${n + 2}`]),
  );
  const { workspace, table, name, exportId } = await withBosses({ ...chain, 'u-10': 'other' });
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT ${name}_no CHECK (user_id <> 'u-1')`);
  const result = await restoreUsers(database(), steps, workspace, exportId);
  expect(result.counts).toMatchObject({ restored: 9, failed: 1 });
});

test('users who refer to one another come back together though another one is refused', async () => {
  const pairs = Object.fromEntries(
    Array.from({ length: 8 }, (_, n) => [`u-${n + 1}`, `u-${n % 2 === 0 ? n + 2 : n}`]),
  );
  const { workspace, table, name, exportId } = await withBosses({ ...pairs, 'u-9': 'other' });
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT ${name}_no CHECK (user_id <> 'u-9')`);
  const result = await restoreUsers(database(), steps, workspace, exportId);
  expect(result.counts).toMatchObject({ restored: 8, failed: 1 });
});

test('a part whose triggers take more locks than there is room for ends with what to raise', async () => {
  const count = 20_000;
  const workspace = await seedWorkspace(database(), `locks${made++}`, count);
  const table = `users_${workspace.workspaceId}`;
  await asOwner(`CREATE OR REPLACE FUNCTION lock_user() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(hashtextextended(NEW.user_id, 7)); RETURN NEW; END $$`);
  await asOwner(`CREATE TRIGGER lock_user BEFORE INSERT ON ${table}
    FOR EACH ROW EXECUTE FUNCTION lock_user()`);
  await database().owner.pool.query(`INSERT INTO users (workspace_id, user_id)
    SELECT '${workspace.workspaceId}', 'other-' || n FROM generate_series(1, 3000) n`);
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
  await asOwner(`DROP TRIGGER lock_user ON ${table}`);
});
