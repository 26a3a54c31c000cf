import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  inIndia,
  seedWorkspace,
  startDeletion,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { expectInvariants } from '../../support/database/invariants.ts';

/**
 * A version that is in no backup is not deleted, even if a custom trigger gives it the stamp of an
 * old version.
 */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

const hand = (table: string): string => `
  CREATE OR REPLACE FUNCTION hand_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    OLD.first_name := NEW.first_name; RETURN OLD; END $$;
  CREATE TRIGGER zzzz BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION hand_back()`;

/** Moves each row away and back, so that a new version has the row id of the backup's version. */
const rewriteInPlace = async (table: string, begin = '', end = ''): Promise<void> => {
  for (const name of ['unsaved', 'lost']) {
    await asOwner(`${begin} UPDATE ${table} SET first_name = '${name}' ${end}`.trim());
    await asOwner(`VACUUM ${table}`);
  }
};

const standInPlace = async (exportId: string, table: string): Promise<number> => {
  const { rows } = await asOwner(`
    SELECT count(*) AS n FROM export_parts p JOIN export_attempts a USING (export_id, attempt),
           unnest(p.tids) AS place JOIN ${table} u ON u.ctid = place
     WHERE p.export_id = '${exportId}' AND u.first_name IN ('unsaved', 'lost')
       AND pg_visible_in_snapshot(u.written_in, a.snapshot)`);
  return (rows as { n: number }[])[0]?.n ?? 0;
};

test('after a trigger has returned old stamps between backup and deletion, no unsaved version is deleted', async () => {
  const workspace = await seedWorkspace(database(), 'handed', 400);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 200 });
  const { exportId } = await steps.backUp(jobId);
  await asOwner(hand('users_handed'));
  await rewriteInPlace('users_handed');
  await asOwner('DROP TRIGGER zzzz ON users_handed');
  expect(await standInPlace(exportId, 'users_handed')).toBeGreaterThan(50);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 0 });
  expect(await steps.settle(jobId, 1)).toMatchObject({ changed: 200 });
  const second = await steps.backUp(jobId, 2);
  expect(await steps.remove(jobId, second.exportId)).toEqual({ deleted: 200 });
  await steps.settle(jobId, 2);
  expect(await steps.finish({ jobId, end: { kind: 'completed' } })).toMatchObject({
    state: 'succeeded',
  });
  const { owner } = database();
  const { storageDir } = steps;
  await expectInvariants({ owner, storageDir, workspaceId: 'handed', users: 400 });
});

test('a transaction that began before the backup cannot reuse row ids that later transactions free', async () => {
  const workspace = await seedWorkspace(database(), 'before', 4);
  const client = await database().owner.pool.connect();
  await client.query(`BEGIN; SAVEPOINT early; CREATE TABLE early (n int)`);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
  const { exportId } = await steps.backUp(jobId);
  await asOwner(hand('users_before'));
  await asOwner(`UPDATE users_before SET first_name = 'unsaved'`);
  await asOwner('VACUUM users_before');
  await client.query(`UPDATE users_before SET first_name = 'lost'; RELEASE early; COMMIT`);
  client.release();
  await asOwner('DROP TRIGGER zzzz ON users_before');
  expect(await standInPlace(exportId, 'users_before')).toBe(0);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 0 });
  expect(await countOf(database(), 'before')).toBe(4);
});

test('users at row ids that another transaction freed stay, even if both writers began before the backup', async () => {
  const workspace = await seedWorkspace(database(), 'two', 400);
  const [earlier, later] = await Promise.all([
    database().owner.pool.connect(),
    database().owner.pool.connect(),
  ]);
  await earlier.query('BEGIN; SELECT pg_current_xact_id()');
  await later.query('BEGIN; SELECT pg_current_xact_id()');
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 200 });
  const { exportId } = await steps.backUp(jobId);
  await asOwner(hand('users_two'));
  const where = 'WHERE substr(user_id, 3)::int > 100';
  await earlier.query(`UPDATE users_two SET first_name = 'unsaved' ${where}; COMMIT`);
  await asOwner('VACUUM users_two');
  await later.query(`UPDATE users_two SET first_name = 'lost' ${where}; COMMIT`);
  earlier.release();
  later.release();
  await asOwner('DROP TRIGGER zzzz ON users_two');
  expect(await standInPlace(exportId, 'users_two')).toBeGreaterThan(50);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 50 });
  const { rows } = await asOwner(`SELECT count(*) AS n FROM users_two WHERE first_name = 'lost'`);
  expect(rows).toEqual([{ n: 300 }]);
});

/** Writes a user in a savepoint, so that the row carries the id of a subtransaction. */
const writeInSavepoint = (table: string, id: string) =>
  asOwner(`BEGIN; SELECT pg_current_xact_id(); SAVEPOINT a;
    UPDATE ${table} SET city = 'Goa' WHERE user_id = '${id}'; RELEASE a; COMMIT`);

test('users written in savepoints before the backup are deleted, and later ones are not', async () => {
  const workspace = await seedWorkspace(database(), 'savepoints', 6);
  await writeInSavepoint('users_savepoints', 'u-2');
  const writer = await database().owner.pool.connect();
  await writer.query('BEGIN; SELECT pg_current_xact_id()');
  // Younger than a transaction that runs at the snapshot.
  await writeInSavepoint('users_savepoints', 'u-4');
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 3 });
  const { exportId } = await steps.backUp(jobId);
  const { rows } = await asOwner(
    `SELECT user_id FROM users_savepoints WHERE xmin <> written_in::xid ORDER BY 1`,
  );
  expect(rows).toEqual([{ user_id: 'u-2' }, { user_id: 'u-4' }]);
  await writeInSavepoint('users_savepoints', 'u-6');
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 2 });
  await writer.query('ROLLBACK');
  writer.release();
});

test('a chosen user that was written in a savepoint before the backup is deleted', async () => {
  const workspace = await seedWorkspace(database(), 'chosen', 4);
  const writer = await database().owner.pool.connect();
  await writer.query('BEGIN; SELECT pg_current_xact_id()');
  await writeInSavepoint('users_chosen', 'u-1');
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 1 });
  await writer.query('ROLLBACK');
  writer.release();
});

test.each([
  ['an element of an array', 'mood[]', `'{glad}'`],
  ['a domain', 'glad_mood', `'glad'`],
  ['an array of domains', 'glad_mood[]', `'{glad}'`],
  ['a field of a composite', 'feeling', `'(glad,1)'`],
  ['an array of composites', 'feeling[]', `'{"(glad,1)"}'`],
  ['a bound of a range', 'mood_range', `'[glad,glad]'`],
  ['a range in a multirange', 'mood_multirange', `'{[glad,glad]}'`],
])('a label that is renamed in %s makes the backup void', async (name, type, value) => {
  const id = `deep-${name.replaceAll(' ', '').toLowerCase()}`;
  await asOwner(`
    CREATE TYPE mood AS ENUM ('glad', 'sad');
    CREATE DOMAIN glad_mood AS mood;
    CREATE TYPE feeling AS (mood mood, strength int);
    CREATE TYPE mood_range AS RANGE (subtype = mood);
    ALTER TABLE users ADD COLUMN mood ${type}`);
  try {
    const workspace = await seedWorkspace(database(), id, 4);
    await asOwner(`UPDATE "users_${id}" SET mood = ${value}`);
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
    const { exportId } = await steps.backUp(jobId);
    await asOwner(`ALTER TYPE mood RENAME VALUE 'glad' TO 'wild'`);
    expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 0 });
    expect(await steps.settle(jobId, 1)).toMatchObject({ changed: 2 });
  } finally {
    await asOwner(`ALTER TABLE users DROP COLUMN mood;
      DROP TYPE mood_range; DROP TYPE feeling; DROP DOMAIN glad_mood; DROP TYPE mood`);
  }
});

test.each([
  ['a renamed field of a composite', 'ALTER TYPE place RENAME ATTRIBUTE city TO town'],
  ['a new field of a composite', 'ALTER TYPE place ADD ATTRIBUTE zip text'],
  ['a CHECK on a domain', `ALTER DOMAIN word ADD CHECK (VALUE <> 'x')`],
  ['row-level security', 'ALTER TABLE users_types ENABLE ROW LEVEL SECURITY'],
  ['forced row-level security', 'ALTER TABLE users_types FORCE ROW LEVEL SECURITY'],
  ['a policy', 'CREATE POLICY anyone ON users_types USING (true)'],
])('%s changes the fingerprint', async (_name, change) => {
  const { pool } = database().owner;
  await asOwner(`CREATE TABLE IF NOT EXISTS types_seeded (n int)`);
  if ((await asOwner('SELECT FROM types_seeded')).rowCount === 0) {
    await seedWorkspace(database(), 'types', 1);
    await asOwner(`INSERT INTO types_seeded VALUES (1);
      CREATE TYPE place AS (city text); CREATE DOMAIN word AS text;
      ALTER TABLE users ADD COLUMN places place[], ADD COLUMN word word`);
  }
  const fingerprint = async () =>
    (await pool.query(`SELECT users_fingerprint('users_types'::regclass) AS f`)).rows[0]
      .f as string;
  const before = await fingerprint();
  expect(await fingerprint()).toBe(before);
  await asOwner(change);
  expect(await fingerprint()).not.toBe(before);
});
