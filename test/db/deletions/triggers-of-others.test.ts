import { afterEach, expect, test } from 'vitest';
import { mergeUsers } from '../../../db/users/user-merge.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  inIndia,
  outcomesOf,
  seedWorkspace,
  startDeletion,
  startExport,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { createImportSteps } from '../../support/steps/import.ts';
import { deleteUsers, restoreUsers, rowsOf } from '../../support/steps/restore.ts';

/**
 * Effects that custom triggers and settings leave on a connection, or defer to the end of a
 * transaction.
 */

const database = useDatabase();
const steps = useDeletionSteps(database);
let count = 0;

const asOwner = (statement: string) => database().owner.pool.query(statement);

const prepare = async (users = 10) => {
  count += 1;
  const workspace = await seedWorkspace(database(), `others-${count}`, users);
  return { workspace, table: `"users_others-${count}"` };
};

/** Adds a trigger to the users of the latest workspace, with the body of its function. */
const addTrigger = (name: string, when: string, body: string) =>
  asOwner(`CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN ${body} END $f$;
    CREATE ${when.includes('DEFERRED') ? 'CONSTRAINT ' : ''}TRIGGER ${name} ${when.replace('TABLE', `"users_others-${count}"`)}
      FOR EACH ROW EXECUTE FUNCTION ${name}()`);

afterEach(async () => {
  const { rows } = await asOwner(`SELECT tgname, tgrelid::regclass AS table FROM pg_trigger
    WHERE tgname LIKE 'other\\_%'`);
  for (const { tgname, table } of rows) await asOwner(`DROP TRIGGER ${tgname} ON ${table}`);
  await asOwner('DROP FUNCTION IF EXISTS other_sets, other_late, other_defers');
});

test.each([
  ['SET extra_float_digits = -12', 'extra_float_digits'],
  [`SET DateStyle = 'SQL, DMY'`, 'DateStyle'],
  ['SET row_security = on', 'row_security'],
  [`SET search_path = 'pg_catalog'`, 'search_path'],
  [`SET statement_timeout = '1h'`, 'statement_timeout'],
])('a setting that a trigger changes is reset before the next backup: %s', async (set) => {
  const { workspace, table } = await prepare();
  await asOwner(`ALTER TABLE users ADD COLUMN IF NOT EXISTS score float8`);
  await asOwner(`UPDATE ${table} SET score = 0.1 + substr(user_id, 3)::int / 3.0`);
  await addTrigger('other_sets', 'AFTER DELETE ON TABLE', `${set}; RETURN NULL;`);
  await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  const before = await rowsOf(database(), workspace.workspaceId);
  const second = await deleteUsers(database(), steps, workspace, ['u-3', 'u-4', 'u-5']);
  await asOwner(`DROP TRIGGER other_sets ON ${table}`);
  const restored = await restoreUsers(database(), steps, workspace, second.exportId);
  expect(restored).toMatchObject({ state: 'succeeded', counts: { restored: 3 } });
  expect(await rowsOf(database(), workspace.workspaceId)).toEqual(before);
});

test('a setting that a trigger changes during a request of the API does not affect the next request', async () => {
  const { workspace } = await prepare();
  await addTrigger(
    'other_sets',
    'BEFORE INSERT ON TABLE',
    `SET search_path = 'pg_catalog'; SET TimeZone = 'Asia/Tokyo'; RETURN NEW;`,
  );
  const { api } = database();
  const options = { actorKeyId: workspace.keyId, mayCreate: true, mayClearHold: false };
  const change = { userId: 'new', columns: {}, properties: {} };
  expect(await mergeUsers(api.db, workspace.workspaceId, [change], options)).toEqual(['created']);
  const { rows } = await api.pool.query(
    `SELECT current_setting('search_path') AS path, current_setting('TimeZone') AS zone`,
  );
  expect(rows).toEqual([{ path: 'public, pg_temp', zone: 'UTC' }]);
});

test('a setting that a trigger changes does not stop the import from recording its chunks', async () => {
  const { workspace } = await prepare();
  await addTrigger(
    'other_sets',
    'BEFORE INSERT ON TABLE',
    `SET search_path = 'pg_catalog'; RETURN NEW;`,
  );
  const imports = await createImportSteps(database());
  const lines = Array.from({ length: 12_000 }, (_, n) => `line-${n}`).join('\n');
  const { state, counts } = await imports.run(workspace, `userId\n${lines}\n`);
  expect({ state, ...counts }).toMatchObject({ state: 'succeeded', imported: 12_000 });
});

test('deferred deletes of a trigger are counted before the batch commits, and make it fail', async () => {
  const { workspace } = await prepare();
  await addTrigger(
    'other_defers',
    'BEFORE DELETE ON TABLE',
    `SET CONSTRAINTS ALL DEFERRED; RETURN OLD;`,
  );
  await addTrigger(
    'other_late',
    'AFTER DELETE ON TABLE DEFERRABLE INITIALLY DEFERRED',
    `DELETE FROM users WHERE workspace_id = OLD.workspace_id AND user_id = 'u-9'; RETURN NULL;`,
  );
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2'] });
  const { exportId } = await steps.backUp(jobId);
  await expect(steps.remove(jobId, exportId)).rejects.toThrow('not in the backup');
  expect(await countOf(database(), workspace.workspaceId)).toBe(10);
});

test.each([
  ['another user', `workspace_id = OLD.workspace_id AND user_id = 'u-9'`],
  ['a user of the same batch', `workspace_id = OLD.workspace_id AND user_id = 'u-2'`],
  ['users of another workspace', `workspace_id <> OLD.workspace_id`],
])('a trigger that changes %s makes the batch fail, and nobody is deleted', async (_who, whom) => {
  await prepare();
  const { workspace } = await prepare();
  const before = await rowsOf(database(), workspace.workspaceId);
  const change = `UPDATE users SET city = 'moved' WHERE ${whom}; RETURN OLD;`;
  await addTrigger('other_sets', 'BEFORE DELETE ON TABLE', change);
  await asOwner('ALTER FUNCTION other_sets SECURITY DEFINER');
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2'] });
  const { exportId } = await steps.backUp(jobId);
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({ code: 'KS005' });
  expect(await rowsOf(database(), workspace.workspaceId)).toEqual(before);
});

test.each([
  ['and then refuses the user', `UPDATE users SET city = 'x' WHERE user_id = 'u-9'; RAISE 'no';`],
  ['who is to be deleted', `UPDATE users SET city = 'x' WHERE user_id = OLD.user_id;`],
])('a trigger that changes a user %s keeps no other user', async (_which, change) => {
  const { workspace } = await prepare();
  const body = `IF OLD.user_id = 'u-2' THEN ${change} END IF; RETURN OLD;`;
  await addTrigger('other_sets', 'BEFORE DELETE ON TABLE', body);
  await asOwner('ALTER FUNCTION other_sets SECURITY DEFINER');
  const before = await rowsOf(database(), workspace.workspaceId);
  await deleteUsers(database(), steps, workspace, ['u-1', 'u-2', 'u-3']);
  const { 'u-1': _one, 'u-3': _three, ...others } = before;
  expect(await rowsOf(database(), workspace.workspaceId)).toEqual(others);
});

test('a trigger that changes a user instead of deleting it makes the batch fail', async () => {
  const { workspace } = await prepare();
  const before = await rowsOf(database(), workspace.workspaceId);
  const change = `UPDATE users SET city = 'gone' WHERE user_id = OLD.user_id;`;
  const body = `IF OLD.user_id = 'u-2' THEN ${change} RETURN NULL; END IF; RETURN OLD;`;
  await addTrigger('other_sets', 'BEFORE DELETE ON TABLE', body);
  await asOwner('ALTER FUNCTION other_sets SECURITY DEFINER');
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2', 'u-3'] });
  const { exportId } = await steps.backUp(jobId);
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({ code: 'KS005' });
  expect(await rowsOf(database(), workspace.workspaceId)).toEqual(before);
});

test('a trigger on the records of a batch that changes a user makes the batch fail', async () => {
  const { workspace, table } = await prepare();
  await asOwner(`CREATE FUNCTION other_sets() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $f$
      BEGIN UPDATE public.${table} SET city = 'moved' WHERE user_id = 'u-9'; RETURN NULL; END $f$;
    CREATE TRIGGER other_sets AFTER INSERT ON deletion_batches
      FOR EACH ROW EXECUTE FUNCTION other_sets()`);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2'] });
  const { exportId } = await steps.backUp(jobId);
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({ code: 'KS005' });
  expect(await countOf(database(), workspace.workspaceId)).toBe(10);
});

test('a trigger may lock other users, and write to other tables', async () => {
  const { workspace } = await prepare();
  await asOwner('CREATE TABLE other_log (user_id text)');
  const lock = `PERFORM FROM users WHERE workspace_id = OLD.workspace_id FOR UPDATE;
    INSERT INTO other_log VALUES (OLD.user_id); UPDATE other_log SET user_id = 'x'; RETURN OLD;`;
  await addTrigger('other_sets', 'BEFORE DELETE ON TABLE', lock);
  await asOwner('ALTER FUNCTION other_sets SECURITY DEFINER');
  await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  expect(await countOf(database(), workspace.workspaceId)).toBe(8);
  await asOwner('DROP TABLE other_log');
});

test('a user that a trigger changes or removes at the end of a restore is reported as failed', async () => {
  const { workspace } = await prepare();
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2', 'u-3']);
  await addTrigger(
    'other_defers',
    'BEFORE INSERT ON TABLE',
    `SET CONSTRAINTS ALL DEFERRED; RETURN NEW;`,
  );
  await addTrigger(
    'other_late',
    'AFTER INSERT ON TABLE DEFERRABLE INITIALLY DEFERRED',
    `IF NEW.user_id = 'u-2' THEN UPDATE users SET city = 'moved' WHERE workspace_id = NEW.workspace_id AND user_id = 'u-2'; END IF;
     IF NEW.user_id = 'u-3' THEN DELETE FROM users WHERE workspace_id = NEW.workspace_id AND user_id = 'u-3'; END IF;
     RETURN NULL;`,
  );
  const restored = await restoreUsers(database(), steps, workspace, exportId);
  expect(restored).toMatchObject({
    state: 'partiallySucceeded',
    counts: { restored: 1, failed: 2 },
  });
  expect(await countOf(database(), workspace.workspaceId)).toBe(8);
});

test.each(['40001', '08006', '53100', '25006', '28000', '55006'])(
  'a trigger that raises %s for one user affects no other user, in a deletion and in a restore',
  async (code) => {
    const { workspace, table } = await prepare();
    const raise = (row: string) =>
      `IF ${row}.user_id = 'u-2' THEN RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END IF; RETURN ${row};`;
    await addTrigger('other_late', 'BEFORE DELETE ON TABLE', raise('OLD'));
    const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2', 'u-3'] });
    const { exportId } = await steps.backUp(jobId);
    expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 2 });
    await steps.settle(jobId, 1);
    await steps.finish({ jobId, end: { kind: 'completed' } });
    await asOwner(`DROP TRIGGER other_late ON ${table}; DROP FUNCTION other_late`);

    const gone = await deleteUsers(database(), steps, workspace, ['u-2', 'u-5']);
    await addTrigger('other_late', 'BEFORE INSERT ON TABLE', raise('NEW'));
    const restored = await restoreUsers(database(), steps, workspace, gone.exportId);
    expect(restored).toMatchObject({ counts: { restored: 1, failed: 1 } });
  },
);

test('columns of any name and of type json do not stop a deletion', async () => {
  const { workspace, table } = await prepare();
  await asOwner(`ALTER TABLE users ADD COLUMN s text, ADD COLUMN held text, ADD COLUMN raw json`);
  await asOwner(`UPDATE ${table} SET s = 'x', raw = '{"x": "\\u0000"}' WHERE user_id <> 'u-1';
    UPDATE ${table} SET raw = '{"x": "\\ud800"}' WHERE user_id = 'u-1'`);
  const open = await database().owner.pool.connect();
  await open.query(`BEGIN; SELECT pg_current_xact_id()`);
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await open.query('ROLLBACK');
  open.release();
  const restored = await restoreUsers(database(), steps, workspace, exportId);
  expect(restored).toMatchObject({ state: 'succeeded', counts: { restored: 2 } });
  await asOwner(`ALTER TABLE users DROP COLUMN s, DROP COLUMN held, DROP COLUMN raw`);
});

/** Statements that divide the table of a workspace. */
const partitionAgain = (table: string, id: string) => `ALTER TABLE users DETACH PARTITION ${table};
    ALTER TABLE ${table} RENAME TO "plain_${id}";
    CREATE TABLE ${table} (LIKE "plain_${id}" INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY HASH (user_id);
    CREATE TABLE "again_${id}" PARTITION OF ${table} FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    ALTER TABLE ${table} ADD PRIMARY KEY (workspace_id, user_id);
    ALTER TABLE users ATTACH PARTITION ${table} FOR VALUES IN ('${id}');
    INSERT INTO users SELECT * FROM "plain_${id}";
    GRANT SELECT, INSERT, UPDATE ON ${table}, "again_${id}" TO keepsake_app;
    GRANT SELECT, DELETE, UPDATE (user_id) ON ${table}, "again_${id}" TO keepsake_deleter`;

test.each([
  ['ids', { ids: ['u-1', 'u-2'] }, 2],
  ['a filter', { filter: inIndia, confirmed: 5 }, 5],
])(
  'users of %s whose table is partitioned again after their backup do not count as not found',
  async (_by, what, selected) => {
    const { workspace, table } = await prepare();
    const jobId = await startDeletion(database(), workspace, what);
    const { exportId } = await steps.backUp(jobId);
    await asOwner(partitionAgain(table, workspace.workspaceId));
    expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 0 });
    await expect(steps.settle(jobId, 1)).rejects.toMatchObject({ type: 'usersNotPlain' });
    const end = { kind: 'failed', type: 'usersNotPlain', message: '' } as const;
    expect(await steps.finish({ jobId, end })).toMatchObject({
      state: 'failed',
      counts: { selected, notFound: 0, unprocessed: selected },
    });
    expect(Object.keys(await outcomesOf(database(), jobId))).toHaveLength(selected);
  },
);

test('a workspace whose table is partitioned again is refused with its own error, and not read as empty', async () => {
  const { workspace, table } = await prepare();
  const gone = await deleteUsers(database(), steps, workspace, ['u-2', 'u-3']);
  const id = workspace.workspaceId;
  await asOwner(partitionAgain(table, id));
  const exportJob = await startExport(database(), workspace);
  await steps.enter(exportJob, 'exporting');
  await expect(steps.write(exportJob)).rejects.toMatchObject({ type: 'usersNotPlain' });
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  await expect(steps.backUp(jobId)).rejects.toMatchObject({ type: 'usersNotPlain' });
  const before = await rowsOf(database(), id);
  const restored = await restoreUsers(database(), steps, workspace, gone.exportId);
  expect(restored).toMatchObject({
    state: 'failed',
    error: { type: 'usersNotPlain' },
    counts: { selected: 2, restored: 0, failed: 0, unprocessed: 2 },
  });
  const imports = await createImportSteps(database());
  const file = 'userId,city\nu-5,Pune\nnew,Pune\n';
  await expect(imports.run(workspace, file)).rejects.toMatchObject({ type: 'usersNotPlain' });
  const dryRun = imports.run(workspace, file, { dryRun: true });
  await expect(dryRun).rejects.toMatchObject({ type: 'usersNotPlain' });
  expect(await rowsOf(database(), id)).toEqual(before);
});
