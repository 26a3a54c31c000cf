import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { reasonsOf, seedWorkspace, useDeletionSteps } from '../../support/steps/deletion.ts';
import { deleteUsers, restoreUsers } from '../../support/steps/restore.ts';

/** Users that can be restored only together with others. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

let made = 0;

/** Deleted users whose boss is another user. The file has them in this order. */
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

test('a refused user prevents only the restore of users that refer to it, in any order of the file', async () => {
  const chain = Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [`u-${n + 1}`, `u-${n + 2}`]),
  );
  const { workspace, table, name, exportId } = await withBosses({ ...chain, 'u-10': 'other' });
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT ${name}_no CHECK (user_id <> 'u-1')`);
  const result = await restoreUsers(database(), steps, workspace, exportId);
  expect(result.counts).toMatchObject({ restored: 9, failed: 1 });
});

test('users that refer to one another are restored together even if another user is refused', async () => {
  const pairs = Object.fromEntries(
    Array.from({ length: 8 }, (_, n) => [`u-${n + 1}`, `u-${n % 2 === 0 ? n + 2 : n}`]),
  );
  const { workspace, table, name, exportId } = await withBosses({ ...pairs, 'u-9': 'other' });
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT ${name}_no CHECK (user_id <> 'u-9')`);
  const result = await restoreUsers(database(), steps, workspace, exportId);
  expect(result.counts).toMatchObject({ restored: 8, failed: 1 });
});

test('pairs that every halving splits are restored together even if one pair is refused', async () => {
  const half = 8;
  const pairs = Object.fromEntries(
    Array.from({ length: 2 * half }, (_, n) => [
      `u-${n + 1}`,
      `u-${((n + half) % (2 * half)) + 1}`,
    ]),
  );
  const { workspace, table, name, exportId } = await withBosses({ ...pairs, 'u-17': 'u-3' });
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT ${name}_no CHECK (user_id <> 'u-3')`);
  const result = await restoreUsers(database(), steps, workspace, exportId);
  expect(result.counts).toMatchObject({ restored: 14, failed: 3 });
  const reasons = await reasonsOf(database(), result.jobId);
  expect(reasons).toEqual({
    'u-3': `failed constraint ${name}_no`,
    'u-11': `failed constraint ${name}_boss`,
    'u-17': `failed constraint ${name}_boss`,
  });
});

test('a user that lacks a row of another table prevents only the restore of users that refer to it', async () => {
  const pairs = { 'u-1': 'u-3', 'u-2': 'u-4', 'u-3': 'u-1', 'u-4': 'u-2' };
  const { workspace, table, name, exportId } = await withBosses({
    ...pairs,
    'u-5': 'other',
    'u-6': 'u-5',
  });
  await asOwner(`CREATE TABLE ${name}_plans (id text COLLATE "C" PRIMARY KEY);
    INSERT INTO ${name}_plans VALUES ('u-1'), ('u-2'), ('u-3'), ('u-4'), ('u-6'), ('other');
    ALTER TABLE ${table} ADD CONSTRAINT ${name}_plan FOREIGN KEY (user_id) REFERENCES ${name}_plans`);
  const result = await restoreUsers(database(), steps, workspace, exportId);
  expect(result.counts).toMatchObject({ restored: 4, failed: 2 });
  const reasons = await reasonsOf(database(), result.jobId);
  expect(reasons).toEqual({
    'u-5': `failed constraint ${name}_plan`,
    'u-6': `failed constraint ${name}_boss`,
  });
});
