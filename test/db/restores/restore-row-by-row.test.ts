import { expect, test } from 'vitest';
import { createRestoreBackedUpUsers } from '../../../activities/restores/restore-users.ts';
import { claimJob, enterPhase } from '../../../db/jobs/job-runs.ts';
import { useDatabase } from '../../support/database/database.ts';
import { reasonsOf, seedWorkspace, useDeletionSteps } from '../../support/steps/deletion.ts';
import { deleteUsers, queueRestore, restoreUsers, rowsOf } from '../../support/steps/restore.ts';

/** A user that the database refuses does not block the others, and is reported. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

let made = 0;

/** Five of ten users, deleted, and their former rows. */
const prepare = async () => {
  const workspace = await seedWorkspace(database(), `rows${made++}`, 10);
  const table = `users_${workspace.workspaceId}`;
  await asOwner(`UPDATE ${table} SET email = 'same@example.com' WHERE user_id = 'u-9'`);
  await asOwner(`UPDATE ${table} SET email = 'taken@example.com' WHERE user_id = 'u-3'`);
  const before = await rowsOf(database(), workspace.workspaceId);
  const ids = ['u-1', 'u-2', 'u-3', 'u-4', 'u-5'];
  const { exportId } = await deleteUsers(database(), steps, workspace, ids);
  return { workspace, table, before, exportId };
};

type Case = [
  name: string,
  statements: (table: string) => string[],
  reason: RegExp,
  remove: (table: string) => string,
];

const trigger = (table: string, body: string): string[] => [
  `CREATE OR REPLACE FUNCTION interfere() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.user_id = 'u-3' THEN ${body} END IF; RETURN NEW; END $$`,
  `CREATE TRIGGER interfere BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION interfere()`,
];
const dropTrigger = (table: string): string => `DROP TRIGGER interfere ON ${table}`;

const takeAddress = (table: string): string =>
  `UPDATE ${table} SET email = 'taken@example.com' WHERE user_id = 'u-6'`;
const giveAddress = (table: string): string =>
  `UPDATE ${table} SET email = 'other@example.com' WHERE user_id = 'u-6'`;

const CASES: Case[] = [
  [
    'a value that a type reads as a text of its own language',
    (table) => trigger(table, `PERFORM 'a &'::tsquery;`),
    /^SQLSTATE 42601, raised by interfere\(\)$/,
    dropTrigger,
  ],
  [
    'a trigger whose own statement fails for one user',
    (table) => trigger(table, `EXECUTE 'INSERT INTO log_of_nobody VALUES (1)';`),
    /^SQLSTATE 42P01, raised by interfere\(\)$/,
    dropTrigger,
  ],
  [
    'a later CHECK',
    (table) => [`ALTER TABLE ${table} ADD CONSTRAINT no_taken CHECK (email NOT LIKE 'taken%')`],
    /^constraint no_taken$/,
    (table) => `ALTER TABLE ${table} DROP CONSTRAINT no_taken`,
  ],
  [
    'a CHECK that is NOT VALID',
    (table) => [
      `ALTER TABLE ${table} ADD CONSTRAINT no_taken CHECK (email NOT LIKE 'taken%') NOT VALID`,
    ],
    /^constraint no_taken$/,
    (table) => `ALTER TABLE ${table} DROP CONSTRAINT no_taken`,
  ],
  [
    'a unique index on an address that is taken again',
    (table) => [takeAddress(table), `CREATE UNIQUE INDEX ${table}_mail ON ${table} (email)`],
    /^constraint users_rows\d+_mail$/,
    giveAddress,
  ],
  [
    'a UNIQUE constraint that is deferred',
    (table) => [
      takeAddress(table),
      `ALTER TABLE ${table} ADD CONSTRAINT one_mail UNIQUE (email) DEFERRABLE INITIALLY DEFERRED`,
    ],
    /^constraint one_mail$/,
    giveAddress,
  ],
  [
    'an exclusion constraint',
    (table) => [
      takeAddress(table),
      `ALTER TABLE ${table} ADD CONSTRAINT no_twin EXCLUDE USING btree (email WITH =)`,
    ],
    /^constraint no_twin$/,
    giveAddress,
  ],
  [
    'a trigger that raises',
    (table) => trigger(table, `RAISE EXCEPTION 'no, %', NEW.email;`),
    /^SQLSTATE P0001, raised by \w+\(\)$/,
    dropTrigger,
  ],
  [
    'a trigger that raises what looks like an error of the statement',
    (table) => trigger(table, `RAISE EXCEPTION 'no' USING ERRCODE = 'insufficient_privilege';`),
    /^SQLSTATE 42501, raised by \w+\(\)$/,
    dropTrigger,
  ],
  [
    'a trigger that returns NULL',
    (table) => trigger(table, 'RETURN NULL;'),
    /^refused$/,
    dropTrigger,
  ],
  [
    'a trigger that changes the user',
    (table) => trigger(table, `NEW.city := 'Pune'; NEW.tags := '{x}';`),
    /^changedOnInsert city, tags$/,
    dropTrigger,
  ],
  [
    'a trigger that changes the user once they are there',
    (table) => [
      `CREATE OR REPLACE FUNCTION afterwards() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE ${table} SET city = 'Pune' WHERE user_id = NEW.user_id; RETURN NULL; END $$`,
      `CREATE CONSTRAINT TRIGGER interfere AFTER INSERT ON ${table} DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.user_id = 'u-3') EXECUTE FUNCTION afterwards()`,
    ],
    /^changedOnInsert city$/,
    dropTrigger,
  ],
];

test.each(CASES)(
  '%s fails the restore of one user only, and a retry restores this user',
  async (_name, statements, reason, remove) => {
    const { workspace, table, before, exportId } = await prepare();
    for (const statement of statements(table)) await asOwner(statement);
    const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
    expect(result).toMatchObject({
      state: 'partiallySucceeded',
      failures: 1,
      counts: { selected: 5, restored: 4, present: 0, failed: 1, unprocessed: 0 },
    });
    const { 'u-3': told = '', ...others } = await reasonsOf(database(), jobId);
    expect(others).toEqual({});
    expect(told.replace(/^failed /, '')).toMatch(reason);
    expect(await rowsOf(database(), workspace.workspaceId)).not.toHaveProperty('u-3');

    await asOwner(remove(table));
    const again = await restoreUsers(database(), steps, workspace, exportId, ['u-3']);
    expect(again).toMatchObject({ state: 'succeeded', counts: { restored: 1 } });
    const now = await rowsOf(database(), workspace.workspaceId);
    for (const id of ['u-1', 'u-2', 'u-3', 'u-4', 'u-5']) expect(now[id]).toBe(before[id]);
  },
);

test('an error that affects every user is reported for each user, and the restore ends', async () => {
  const { workspace, table, exportId } = await prepare();
  await asOwner(`UPDATE ${table} SET last_name = 'x'`);
  await asOwner(`ALTER TABLE ${table} ALTER last_name SET NOT NULL`);
  const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
  expect(result).toMatchObject({ state: 'partiallySucceeded', counts: { restored: 0, failed: 5 } });
  expect(new Set(Object.values(await reasonsOf(database(), jobId)))).toEqual(
    new Set(['failed SQLSTATE 23502, column last_name']),
  );
});

test('an existing user is present because of its own id, and never because of another user', async () => {
  const { workspace, table, exportId } = await prepare();
  await asOwner(`INSERT INTO users (workspace_id, user_id, city)
    VALUES ('${workspace.workspaceId}', 'u-2', 'new')`);
  await asOwner(`CREATE UNIQUE INDEX ON ${table} (email)`);
  await asOwner(takeAddress(table));
  const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
  expect(result).toMatchObject({
    state: 'partiallySucceeded',
    counts: { restored: 3, present: 1, failed: 1 },
  });
  expect(await reasonsOf(database(), jobId)).toMatchObject({
    'u-2': 'present',
    'u-3': expect.stringContaining('failed constraint'),
  });
});

test('two refused users among 10,000 are found by halving', async () => {
  const workspace = await seedWorkspace(database(), 'halves', 20_000);
  const before = await rowsOf(database(), 'halves');
  const ids = Object.keys(before).slice(0, 10_000);
  const { exportId } = await deleteUsers(database(), steps, workspace, ids);
  await asOwner(`ALTER TABLE users_halves ADD CONSTRAINT odd
    CHECK (user_id NOT IN ('${ids[17]}', '${ids[9_999]}'))`);
  const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
  expect(result).toMatchObject({ counts: { selected: 10_000, restored: 9_998, failed: 2 } });
  expect(new Set(Object.keys(await reasonsOf(database(), jobId)))).toEqual(
    new Set([ids[17], ids[9_999]]),
  );
});

test('a user that the insert of a later user changed is reported, however the users are halved', async () => {
  const { workspace, table, before, exportId } = await prepare();
  await asOwner(`CREATE OR REPLACE FUNCTION cross_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.user_id = 'u-3' THEN RAISE EXCEPTION 'no'; END IF;
      IF NEW.user_id = 'u-5' THEN UPDATE ${table} SET city = 'Pune' WHERE user_id = 'u-1'; END IF;
      RETURN NEW; END $$;
    CREATE TRIGGER cross_over AFTER INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION cross_over()`);
  const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
  expect(result).toMatchObject({ counts: { selected: 5, restored: 3, failed: 2 } });
  expect(await reasonsOf(database(), jobId)).toEqual({
    'u-1': 'failed changedOnInsert city',
    'u-3': 'failed SQLSTATE P0001, raised by cross_over()',
  });
  const now = await rowsOf(database(), workspace.workspaceId);
  for (const id of ['u-2', 'u-4', 'u-5']) expect(now[id]).toBe(before[id]);
});

test('a trigger that updates users without changing them does not stop a restore', async () => {
  const { workspace, table, before, exportId } = await prepare();
  await asOwner(`CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      UPDATE ${table} SET city = city WHERE user_id = NEW.user_id; RETURN NULL; END $$;
    CREATE TRIGGER touch AFTER INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION touch()`);
  expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
    state: 'succeeded',
    counts: { restored: 5 },
  });
  const now = await rowsOf(database(), workspace.workspaceId);
  for (const id of ['u-1', 'u-5']) expect(now[id]).toBe(before[id]);
});

test('users are looked up quickly even if PostgreSQL assumes that the table is empty', async () => {
  const workspace = await seedWorkspace(database(), 'empty', 20_000);
  const ids = Object.keys(await rowsOf(database(), 'empty')).slice(0, 15_000);
  const { exportId } = await deleteUsers(database(), steps, workspace, ids);
  await asOwner('CREATE TABLE kept AS SELECT * FROM users_empty');
  await asOwner('DELETE FROM users_empty');
  await asOwner('VACUUM (ANALYZE, TRUNCATE false) users_empty');
  await asOwner('INSERT INTO users_empty SELECT * FROM kept');
  await asOwner(`INSERT INTO users (workspace_id, user_id) VALUES ('empty', '${ids[0]}')`);
  // With a scan of a whole index for each user, the restore would take hours.
  expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
    counts: { restored: 14_999, present: 1 },
  });
});

test('the final counts of a restore include a chunk that was open when the job ended', async () => {
  const { workspace, exportId } = await prepare();
  const jobId = await queueRestore(database(), workspace, exportId);
  const { app } = database();
  await claimJob(app.db, jobId, 'run');
  await enterPhase(app.db, jobId, 'restoring');
  let ended: Promise<unknown> | undefined;
  // The chunk is open, and has checked that the job is restoring.
  const deps = {
    ...steps.deps,
    crashPoint: (point: string) => {
      if (point !== 'restore:chunk-open') return;
      ended = steps.finish({ jobId, end: { kind: 'failed', type: 'gone', message: 'gone' } });
    },
  };
  await createRestoreBackedUpUsers(deps)({ jobId }, new AbortController().signal);
  expect(await ended).toMatchObject({ counts: { selected: 5, restored: 5, unprocessed: 0 } });
});

test('an error of a statement trigger is reported for each user', async () => {
  const { workspace, table, exportId } = await prepare();
  await asOwner(`CREATE OR REPLACE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no'; END $$`);
  await asOwner(`CREATE TRIGGER closed BEFORE INSERT ON ${table} EXECUTE FUNCTION closed()`);
  const result = await restoreUsers(database(), steps, workspace, exportId);
  expect(result).toMatchObject({ state: 'partiallySucceeded', counts: { restored: 0, failed: 5 } });
});
