import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { copyText } from '../../../db/copy/copy-text.ts';
import { jobLog } from '../../../db/jobs/outcomes.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  useDeletionSteps,
  inIndia,
  reasonsOf,
  seedWorkspace,
  startDeletion,
} from '../../support/steps/deletion.ts';
import { deletedOutsideBackup } from '../../support/database/witness.ts';

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

/** Runs a deletion of the users of India to its end, in as many passes as needed. */
const run = async (id: string, confirmed: number, workspace: { keyId: string }) => {
  const seeded = { workspaceId: id, keyId: workspace.keyId };
  const jobId = await startDeletion(database(), seeded, { filter: inIndia, confirmed });
  for (const pass of [1, 2, 3]) {
    const { exportId } = await steps.backUp(jobId, pass);
    await steps.remove(jobId, exportId);
    const { changed } = await steps.settle(jobId, pass, pass === 3);
    if (changed === 0) break;
  }
  const result = await steps.finish({ jobId, end: { kind: 'completed' } });
  return { jobId, result, reasons: await reasonsOf(database(), jobId) };
};

/** The reasons in the job's row, which every role can read. */
const storedReasons = async (jobId: string) => {
  const { rows } = await database().owner.pool.query('SELECT reasons FROM jobs WHERE id = $1', [
    jobId,
  ]);
  return rows[0].reasons;
};

const raising = (id: string, condition: string, action: string): string => `
  CREATE FUNCTION ${id}_no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF ${condition} THEN ${action} END IF; RETURN OLD; END $$;
  CREATE TRIGGER no BEFORE DELETE ON users_${id} FOR EACH ROW EXECUTE FUNCTION ${id}_no()`;

test.each([
  ['raise', `RAISE EXCEPTION 'no: %', OLD.email;`, 'SQLSTATE P0001, raised by raise_no()'],
  ['divide', `PERFORM 1 / 0;`, 'SQLSTATE 22012, raised by divide_no()'],
  ['refuse', `RETURN NULL;`, 'refused'],
  ['assert', `ASSERT false;`, 'SQLSTATE P0004, raised by assert_no()'],
])(
  'a trigger that refuses some rows (%s) does not prevent the deletion of the others',
  async (id, action, reason) => {
    const workspace = await seedWorkspace(database(), id, 30_000);
    await asOwner(raising(id, `OLD.user_id IN ('u-2', 'u-20000')`, action));
    const { result, reasons } = await run(id, 15_000, workspace);
    expect(result).toMatchObject({ state: 'partiallySucceeded', failures: 2 });
    expect(reasons).toEqual({ 'u-2': `failed ${reason}`, 'u-20000': `failed ${reason}` });
    expect(await countOf(database(), id)).toBe(15_002);
    expect(await deletedOutsideBackup(database().owner, steps.storageDir, id)).toEqual([]);
  },
);

test.each([
  ['at once', ''],
  ['at the end of the transaction', 'DEFERRABLE INITIALLY DEFERRED'],
])(
  'a foreign key that restricts %s keeps only the users that it refers to',
  async (when, deferrable) => {
    const id = `fk${when.length}`;
    const workspace = await seedWorkspace(database(), id, 10);
    await asOwner(`CREATE TABLE orders_${id} (w text, u text COLLATE "C",
      CONSTRAINT orders_user FOREIGN KEY (w, u) REFERENCES users ${deferrable});
    INSERT INTO orders_${id} VALUES ('${id}', 'u-4'), ('${id}', 'u-8')`);
    const { jobId, result, reasons } = await run(id, 5, workspace);
    expect(result).toMatchObject({ state: 'partiallySucceeded', failures: 2 });
    expect(Object.keys(reasons)).toEqual(['u-4', 'u-8']);
    // The constraint's given name, not the name of its copy in the partition.
    for (const reason of Object.values(reasons))
      expect(reason).toBe('failed constraint orders_user');
    expect(await storedReasons(jobId)).toEqual([{ reason: 'constraint orders_user', count: 2 }]);
    expect(await countOf(database(), id)).toBe(7);
  },
);

test('a row that another transaction locks is reported, and all other users are deleted', async () => {
  const workspace = await seedWorkspace(database(), 'locked', 10);
  const client = await database().owner.pool.connect();
  await client.query(
    `BEGIN; SELECT FROM users WHERE workspace_id = 'locked' AND user_id = 'u-6' FOR UPDATE`,
  );
  const { result, reasons } = await run('locked', 5, workspace);
  await client.query('ROLLBACK');
  client.release();
  expect(result).toMatchObject({ state: 'partiallySucceeded', failures: 1 });
  expect(reasons).toEqual({ 'u-6': 'failed locked' });
  expect(await countOf(database(), 'locked')).toBe(6);
});

test('a row that was locked during one pass is deleted by a later pass', async () => {
  const workspace = await seedWorkspace(database(), 'unlocked', 10);
  const client = await database().owner.pool.connect();
  await client.query(
    `BEGIN; SELECT FROM users WHERE workspace_id = 'unlocked' AND user_id = 'u-6' FOR UPDATE`,
  );
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const first = await steps.backUp(jobId);
  expect(await steps.remove(jobId, first.exportId)).toEqual({ deleted: 4 });
  await client.query('ROLLBACK');
  client.release();
  expect(await steps.settle(jobId, 1)).toMatchObject({ changed: 1 });
  const second = await steps.backUp(jobId, 2);
  expect(await steps.remove(jobId, second.exportId)).toEqual({ deleted: 1 });
});

test('also row by row, changed users, held users and a newcomer at a reused row id stay', async () => {
  const workspace = await seedWorkspace(database(), 'slow', 10);
  await asOwner(raising('slow', `OLD.user_id = 'u-2'`, `RAISE EXCEPTION 'no';`));
  await asOwner(
    `UPDATE users SET legal_hold = true WHERE workspace_id = 'slow' AND user_id = 'u-4'`,
  );
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  await asOwner(
    `UPDATE users SET city = 'Goa' WHERE workspace_id = 'slow' AND user_id = 'u-6';
     DELETE FROM users WHERE workspace_id = 'slow' AND user_id = 'u-8'`,
  );
  await asOwner('VACUUM users_slow');
  await asOwner(`INSERT INTO users (workspace_id, user_id) VALUES ('slow', 'new')`);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 1 });
  const { rows } = await asOwner(`SELECT user_id FROM users_slow WHERE user_id <> 'u-10'`);
  expect(rows).toHaveLength(9);
});

test('a batch fails, also row by row, if a custom trigger deletes other users of any workspace', async () => {
  const other = await seedWorkspace(database(), 'along2', 4);
  for (const target of [`'along' AND user_id = 'u-3'`, `'along2' AND user_id = 'u-3'`]) {
    const id = target.includes('along2') ? 'along3' : 'along';
    const workspace = await seedWorkspace(database(), id, 10);
    await asOwner(raising(id, `OLD.user_id = 'u-2'`, `RAISE EXCEPTION 'no';`));
    await asOwner(`CREATE FUNCTION ${id}_along() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF pg_trigger_depth() = 1 THEN DELETE FROM users WHERE workspace_id = ${target}; END IF;
        RETURN NULL; END $$;
      CREATE TRIGGER along AFTER DELETE ON users_${id} FOR EACH ROW EXECUTE FUNCTION ${id}_along()`);
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
    const { exportId } = await steps.backUp(jobId);
    await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({ code: 'KS005' });
    expect(await countOf(database(), id)).toBe(10);
  }
  expect(await countOf(database(), other.workspaceId)).toBe(4);
});

test('a user with the stamps of another server is not deleted, and the log of the job states the reason', async () => {
  const workspace = await seedWorkspace(database(), 'loaded', 10);
  await asOwner(`ALTER TABLE users_loaded DISABLE TRIGGER zzz_stamp;
    UPDATE users_loaded SET written_in = '900000000', inserted_in = '900000000' WHERE user_id = 'u-2';
    ALTER TABLE users_loaded ENABLE ALWAYS TRIGGER zzz_stamp`);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-2', 'u-4'] });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 1 });
  await steps.settle(jobId, 1);
  expect(await reasonsOf(database(), jobId)).toEqual({ 'u-2': 'failed stampedElsewhere' });
  const log = await text(await copyText(database().api.pool, jobLog(jobId)));
  expect(log).toBe('userId,outcome,reason\nu-4,deleted,\nu-2,failed,stampedElsewhere\n');
});
