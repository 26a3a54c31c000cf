import { expect, test } from 'vitest';
import {
  closeTestDatabase,
  openTestDatabase,
  useDatabase,
} from '../../support/database/database.ts';
import { reasonsOf, seedWorkspace, useDeletionSteps } from '../../support/steps/deletion.ts';
import { deleteUsers, restoreUsers, rowsOf } from '../../support/steps/restore.ts';

/** A restore neither changes nor deletes users that it does not restore. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

let made = 0;

/** Five of ten users, deleted, and the rows of the others. */
const prepare = async () => {
  const workspace = await seedWorkspace(database(), `beside${made++}`, 10);
  const { workspaceId } = workspace;
  const all = await rowsOf(database(), workspaceId);
  const ids = ['u-1', 'u-2', 'u-3', 'u-4', 'u-5'];
  const { exportId } = await deleteUsers(database(), steps, workspace, ids);
  const others = await rowsOf(database(), workspaceId);
  return { workspace, workspaceId, table: `users_${workspaceId}`, exportId, all, others };
};

/** Adds a trigger that does something as `u-3` is inserted. The worker may not delete users. */
const onInsert = (table: string, body: string, when = 'AFTER') =>
  asOwner(`CREATE FUNCTION ${table}_beside() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
      IF NEW.user_id = 'u-3' THEN ${body} END IF; RETURN NEW; END $$;
    CREATE ${when.includes('DEFERRED') ? 'CONSTRAINT ' : ''}TRIGGER beside
      ${when.split(' ')[0]} INSERT ON ${table} ${when.split(' ').slice(1).join(' ')}
      FOR EACH ROW EXECUTE FUNCTION ${table}_beside()`);

/** All ten users are there as they were, except `u-3`, which is not. */
const expectAllButThree = async (workspaceId: string, all: Record<string, unknown>) => {
  const { 'u-3': missing, ...rest } = all;
  expect(missing).toBeDefined();
  expect(await rowsOf(database(), workspaceId)).toEqual(rest);
};

const WRITE_OWN =
  'UPDATE users SET city = city WHERE workspace_id = NEW.workspace_id AND user_id = NEW.user_id;';
const ofThese = `workspace_id = NEW.workspace_id AND user_id = 'u-9'`;

test.each([
  ['changes', `UPDATE users SET city = 'Pune' WHERE ${ofThese};`, 'AFTER'],
  ['deletes', `DELETE FROM users WHERE ${ofThese};`, 'AFTER'],
  [
    'changes, before the row is there,',
    `UPDATE users SET city = 'Pune' WHERE ${ofThese};`,
    'BEFORE',
  ],
  ['deletes, late,', `DELETE FROM users WHERE ${ofThese};`, 'AFTER DEFERRABLE INITIALLY DEFERRED'],
  [
    'changes, by an insert with ON CONFLICT,',
    `INSERT INTO users (workspace_id, user_id) VALUES (NEW.workspace_id, 'u-9')
       ON CONFLICT (workspace_id, user_id) DO UPDATE SET city = 'Pune';`,
    'AFTER',
  ],
  [
    'changes all at once, with the new one,',
    `UPDATE users SET city = city WHERE workspace_id = NEW.workspace_id;`,
    'AFTER',
  ],
])('a user whose insert %s others is not restored, and named', async (_what, body, when) => {
  const { workspace, workspaceId, table, exportId, all, others } = await prepare();
  await onInsert(table, body, when);
  const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
  expect(await reasonsOf(database(), jobId)).toEqual({ 'u-3': 'failed changesOthers' });
  expect(result).toMatchObject({
    state: 'partiallySucceeded',
    counts: { selected: 5, restored: 4, failed: 1 },
  });
  await expectAllButThree(workspaceId, all);
  expect(Object.keys(others)).toHaveLength(5);

  await asOwner(`DROP TRIGGER beside ON ${table}`);
  const again = await restoreUsers(database(), steps, workspace, exportId, ['u-3']);
  expect(again).toMatchObject({ state: 'succeeded', counts: { restored: 1 } });
  expect(await rowsOf(database(), workspaceId)).toEqual(all);
});

test('a user whose insert changes users of another workspace is not restored, and named', async () => {
  const other = await prepare();
  const { workspace, table, exportId } = await prepare();
  await onInsert(
    table,
    `UPDATE users SET city = 'Pune' WHERE workspace_id = '${other.workspaceId}';`,
  );
  const { jobId } = await restoreUsers(database(), steps, workspace, exportId);
  expect(await reasonsOf(database(), jobId)).toEqual({ 'u-3': 'failed changesOthers' });
  expect(await rowsOf(database(), other.workspaceId)).toEqual(other.others);
});

test('a trigger that keeps a user out, deletes another and adds the first one later is noticed', async () => {
  const { workspace, workspaceId, table, exportId, all } = await prepare();
  await asOwner(`CREATE TABLE ${table}_kept AS SELECT * FROM ${table} WITH NO DATA;
    CREATE FUNCTION ${table}_beside() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
      IF NEW.user_id = 'u-3' AND pg_trigger_depth() = 1 THEN
        DELETE FROM users WHERE ${ofThese};
        INSERT INTO ${table}_kept SELECT NEW.*;
        RETURN NULL;
      END IF;
      IF NEW.user_id = 'u-5' THEN
        INSERT INTO ${table} SELECT * FROM ${table}_kept; DELETE FROM ${table}_kept;
      END IF;
      RETURN NEW; END $$;
    CREATE TRIGGER beside BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_beside()`);
  const { jobId } = await restoreUsers(database(), steps, workspace, exportId);
  expect(await reasonsOf(database(), jobId)).toEqual({ 'u-3': 'failed changesOthers' });
  await expectAllButThree(workspaceId, all);
});

test('nobody is deleted whose restore would change others', async () => {
  const { workspace, workspaceId, table, others } = await prepare();
  await asOwner(`CREATE FUNCTION ${table}_beside() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      UPDATE users SET city = 'Pune' WHERE ${ofThese}; RETURN NEW; END $$;
    CREATE TRIGGER beside AFTER INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_beside()`);
  await expect(deleteUsers(database(), steps, workspace, ['u-6', 'u-7'])).rejects.toMatchObject({
    type: 'notRestorable',
    message: expect.stringContaining('changesOthers') as string,
  });
  expect(await rowsOf(database(), workspaceId)).toEqual(others);
});

test('a trigger that writes restored users again, in whatever halves, stops nobody else', async () => {
  const { workspace, workspaceId, table, exportId, all } = await prepare();
  await asOwner(`CREATE FUNCTION ${table}_beside() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.user_id = 'u-3' THEN RAISE EXCEPTION 'no'; END IF;
      UPDATE users SET city = city WHERE workspace_id = NEW.workspace_id
         AND user_id = NEW.user_id; RETURN NEW; END $$;
    CREATE TRIGGER beside AFTER INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_beside()`);
  const restored = await restoreUsers(database(), steps, workspace, exportId);
  expect(restored).toMatchObject({ counts: { restored: 4, failed: 1 } });
  await expectAllButThree(workspaceId, all);
});

test.each([
  ['writes a restored user twice', WRITE_OWN + WRITE_OWN],
  [
    'writes other users in a block that is rolled back',
    `BEGIN UPDATE users SET city = 'Pune' WHERE ${ofThese}; RAISE EXCEPTION 'undo';
     EXCEPTION WHEN raise_exception THEN NULL; END;`,
  ],
  [
    'writes a restored user twice, in blocks of its own',
    `BEGIN ${WRITE_OWN} EXCEPTION WHEN raise_exception THEN NULL; END; ${WRITE_OWN}`,
  ],
])('a trigger that %s stops neither deletions nor restores', async (_what, body) => {
  const { workspace, workspaceId, table, exportId, all } = await prepare();
  await onInsert(table, body);
  const { jobId: _job, ...restored } = await restoreUsers(database(), steps, workspace, exportId);
  expect(restored).toMatchObject({ state: 'succeeded', counts: { restored: 5 } });
  expect(await rowsOf(database(), workspaceId)).toEqual(all);
  const again = await deleteUsers(database(), steps, workspace, ['u-3']);
  const back = await restoreUsers(database(), steps, workspace, again.exportId);
  expect(back).toMatchObject({ state: 'succeeded', counts: { restored: 1 } });
});

test('a trigger that writes a restored user twice and another user once is noticed', async () => {
  const { workspace, workspaceId, table, exportId, all } = await prepare();
  const writeOther = `UPDATE users SET city = 'Pune' WHERE ${ofThese};`;
  await onInsert(table, WRITE_OWN + WRITE_OWN + writeOther);
  const { jobId } = await restoreUsers(database(), steps, workspace, exportId);
  expect(await reasonsOf(database(), jobId)).toEqual({ 'u-3': 'failed changesOthers' });
  await expectAllButThree(workspaceId, all);
});

test('without counts of rows, nothing is restored', async () => {
  const { workspace, exportId } = await prepare();
  const name = new URL(database().url).pathname.slice(1);
  await asOwner(`ALTER DATABASE ${name} SET track_counts = off`);
  const later = openTestDatabase(database().url);
  const deps = { ...steps.deps, lanes: later.worker.pool };
  const restored = await restoreUsers(database(), { ...steps, deps }, workspace, exportId);
  await closeTestDatabase(later);
  await asOwner(`ALTER DATABASE ${name} RESET track_counts`);
  expect(restored).toMatchObject({ state: 'failed', error: { type: 'othersWouldGo' } });
});
