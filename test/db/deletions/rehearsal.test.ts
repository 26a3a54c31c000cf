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
import { rowsOf } from '../../support/steps/restore.ts';

/** A restore is rehearsed before the first batch: users that cannot be restored are not deleted. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

let made = 0;

const prepare = async (users = 10) => {
  const workspace = await seedWorkspace(database(), `rehearsed${made++}`, users);
  return { workspace, table: `users_${workspace.workspaceId}` };
};

const onInsert = (table: string, body: string): string[] => [
  `CREATE OR REPLACE FUNCTION on_insert() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN ${body} RETURN NEW; END $$`,
  `CREATE TRIGGER on_insert BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION on_insert()`,
];

type Case = [name: string, statements: (table: string) => string[], reason: string];

const CASES: Case[] = [
  [
    'a trigger that raises',
    (t) => onInsert(t, `RAISE EXCEPTION 'no';`),
    'SQLSTATE P0001, raised by on_insert()',
  ],
  ['a trigger that keeps users out', (t) => onInsert(t, 'RETURN NULL;'), 'refused'],
  ['a trigger that changes users', (t) => onInsert(t, `NEW.city := 'x';`), 'changedOnInsert city'],
  [
    'a CHECK that holds of nobody',
    (t) => [`ALTER TABLE ${t} ADD CONSTRAINT odd CHECK (country = 'FR') NOT VALID`],
    'constraint odd',
  ],
  [
    'a CHECK that one user breaks, the only one with that column',
    (t) => [
      `UPDATE ${t} SET language = 'old' WHERE user_id = 'u-8'`,
      `ALTER TABLE ${t} ADD CONSTRAINT odd CHECK (language <> 'old') NOT VALID`,
    ],
    'constraint odd',
  ],
  [
    'a type that does not read what it writes',
    (t) => [
      `CREATE TYPE shy AS (secret text)`,
      `CREATE FUNCTION to_shy(text) RETURNS shy LANGUAGE sql IMMUTABLE
         RETURN ROW('***')::shy`,
      `CREATE CAST (text AS shy) WITH FUNCTION to_shy(text)`,
      `ALTER TABLE users ADD COLUMN shy shy`,
      `UPDATE ${t} SET shy = ROW('a')::shy`,
    ],
    'changedOnInsert shy',
  ],
];

test.each(CASES)(
  'with %s, the deletion fails with the reason and deletes no user',
  async (...given) => {
    const [, statements, reason] = given;
    const { workspace, table } = await prepare();
    for (const statement of statements(table)) await asOwner(statement);
    const before = await rowsOf(database(), workspace.workspaceId);
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
    const { exportId } = await steps.backUp(jobId);
    await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({
      type: 'notRestorable',
      message: expect.stringContaining(`(${reason})`),
    });
    expect(await rowsOf(database(), workspace.workspaceId)).toEqual(before);
    const end = { kind: 'failed', type: 'notRestorable', message: 'no' } as const;
    expect(await steps.finish({ jobId, end })).toMatchObject({
      state: 'failed',
      counts: { selected: 5, deleted: 0, unprocessed: 5 },
    });
    await asOwner('ALTER TABLE users DROP COLUMN IF EXISTS shy');
  },
);

test('a deletion fails if the role that restores may not insert users', async () => {
  const { workspace, table } = await prepare();
  await asOwner(`REVOKE INSERT ON ${table} FROM keepsake_app`);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  const { exportId } = await steps.backUp(jobId);
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({
    type: 'notRestorable',
    message: expect.stringContaining('(SQLSTATE 42501)'),
  });
  expect(await countOf(database(), workspace.workspaceId)).toBe(10);
});

test('the rehearsal skips users that cannot be deleted now, and takes other users', async () => {
  const { workspace, table } = await prepare();
  await asOwner(`UPDATE ${table} SET legal_hold = true WHERE user_id IN ('u-2', 'u-4')`);
  for (const statement of onInsert(table, `IF NEW.user_id = 'u-8' THEN RETURN NULL; END IF;`)) {
    await asOwner(statement);
  }
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  await asOwner(`UPDATE ${table} SET city = 'Pune' WHERE user_id = 'u-6'`);
  const client = await database().owner.pool.connect();
  await client.query(`BEGIN; SELECT FROM ${table} WHERE user_id = 'u-10' FOR UPDATE`);
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({ type: 'notRestorable' });
  await client.query('ROLLBACK');
  client.release();
  expect(await countOf(database(), workspace.workspaceId)).toBe(10);
});

test('one user that cannot be deleted does not prevent the rehearsal of the others', async () => {
  const { workspace, table } = await prepare(200);
  await asOwner(`CREATE TABLE orders_${table} (w text, u text COLLATE "C",
    FOREIGN KEY (w, u) REFERENCES ${table})`);
  await asOwner(`INSERT INTO orders_${table} VALUES ('${workspace.workspaceId}', 'u-2')`);
  await asOwner(`ALTER TABLE ${table} ADD CONSTRAINT odd CHECK (country = 'FR') NOT VALID`);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 100 });
  const { exportId } = await steps.backUp(jobId);
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({ type: 'notRestorable' });
  expect(await countOf(database(), workspace.workspaceId)).toBe(200);
});

test('if no user can be deleted, the job needs no rehearsal and counts the user as failed', async () => {
  const { workspace, table } = await prepare();
  await asOwner(`CREATE TABLE orders_${made} (w text, u text COLLATE "C",
    CONSTRAINT ordered_${made} FOREIGN KEY (w, u) REFERENCES ${table})`);
  await asOwner(`INSERT INTO orders_${made} VALUES ('${workspace.workspaceId}', 'u-1')`);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 0 });
  await steps.settle(jobId, 1);
  expect(await steps.finish({ jobId, end: { kind: 'completed' } })).toMatchObject({
    counts: { failed: 1 },
  });
});

test('the deletes of a rehearsal can only be rolled back', async () => {
  const { workspace } = await prepare();
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  await steps.enter(jobId, 'deleting');
  const attempts = [
    ['COMMIT'],
    ['SET CONSTRAINTS ALL IMMEDIATE', 'COMMIT'],
    ['SET CONSTRAINTS ALL DEFERRED', 'COMMIT'],
    [`PREPARE TRANSACTION 'kept'`],
    ['SAVEPOINT a', 'RELEASE SAVEPOINT a', 'COMMIT'],
  ];
  for (const statements of attempts) {
    const client = await database().app.pool.connect();
    await client.query('BEGIN');
    const { rowCount } = await client.query('SELECT * FROM rehearse_deletion($1, 1, 9)', [
      exportId,
    ]);
    expect(rowCount).toBeGreaterThan(0);
    const run = async () => {
      for (const statement of statements) await client.query(statement);
    };
    await expect(run()).rejects.toMatchObject({ code: '23001' });
    client.release(true);
  }
  expect(await countOf(database(), workspace.workspaceId)).toBe(10);
  for (const statement of [
    'INSERT INTO rehearsals VALUES (gen_random_uuid())',
    'DELETE FROM rehearsals',
    'ALTER TABLE rehearsals DISABLE TRIGGER ALL',
  ]) {
    await expect(database().app.pool.query(statement)).rejects.toMatchObject({ code: '42501' });
  }
});

test('a rehearsal leaves no trace, and the deletion continues', async () => {
  const { workspace } = await prepare(60);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 30 });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 30 });
  await steps.settle(jobId, 1);
  expect(await steps.finish({ jobId, end: { kind: 'completed' } })).toMatchObject({
    state: 'succeeded',
  });
  expect((await asOwner('SELECT FROM rehearsals')).rowCount).toBe(0);
  const { owner } = database();
  const { workspaceId } = workspace;
  const { rows } = await asOwner(
    `SELECT count(*) AS n FROM activity WHERE workspace_id = '${workspaceId}' AND job_id IS NOT NULL`,
  );
  expect(rows).toEqual([{ n: 2 }]);
  await expectInvariants({ owner, storageDir: steps.storageDir, workspaceId, users: 60 });
});
