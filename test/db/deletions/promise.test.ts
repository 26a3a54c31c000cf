import { expect, test } from 'vitest';
import { deleteBatch, syncBatches } from '../../../db/deletions/deletion-batches.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  failureOf,
  countOf,
  useDeletionSteps,
  inIndia,
  outcomesOf,
  seedWorkspace,
  startDeletion,
} from '../../support/steps/deletion.ts';
import { expectInvariants, type Trial } from '../../support/database/invariants.ts';

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

const trial = (workspaceId: string, users: number): Trial => ({
  owner: database().owner,
  storageDir: steps.storageDir,
  workspaceId,
  users,
});

test('a deletion deletes exactly the users that its filter matches, each in the backed-up version', async () => {
  const workspace = await seedWorkspace(database(), 'plain', 60_000);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 30_000 });
  const backup = await steps.backUp(jobId);
  expect(backup.rows).toBe(30_000);
  expect(await steps.remove(jobId, backup.exportId)).toEqual({ deleted: 30_000 });
  expect(await steps.settle(jobId, 1)).toEqual({ deleted: 0, changed: 0 });
  const result = await steps.finish({ jobId, end: { kind: 'completed' } });
  expect(result).toMatchObject({ state: 'succeeded', failures: 0 });
  expect(await countOf(database(), 'plain')).toBe(30_000);
  await expectInvariants(trial('plain', 60_000));
});

test('a backup does not delete a user that was changed, removed, added again or held after its snapshot', async () => {
  const workspace = await seedWorkspace(database(), 'moving', 10);
  await asOwner(
    `UPDATE users SET legal_hold = true WHERE workspace_id = 'moving' AND user_id = 'u-8'`,
  );
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const backup = await steps.backUp(jobId);
  await asOwner(`
    UPDATE users SET city = 'Pune' WHERE workspace_id = 'moving' AND user_id = 'u-2';
    UPDATE users SET country = 'FR' WHERE workspace_id = 'moving' AND user_id = 'u-4';
    DELETE FROM users WHERE workspace_id = 'moving' AND user_id = 'u-6';
    INSERT INTO users (workspace_id, user_id, country) VALUES ('moving', 'u-6', 'IN'), ('moving', 'new', 'IN');
  `);
  expect(await steps.remove(jobId, backup.exportId)).toEqual({ deleted: 1 });
  expect(await steps.settle(jobId, 1)).toEqual({ deleted: 0, changed: 1 });
  const second = await steps.backUp(jobId, 2);
  expect(second.rows).toBe(1);
  expect(await steps.remove(jobId, second.exportId)).toEqual({ deleted: 1 });
  await steps.settle(jobId, 2);
  const result = await steps.finish({ jobId, end: { kind: 'completed' } });
  expect(await outcomesOf(database(), jobId)).toEqual({
    'u-4': 'changedSinceBackup',
    'u-6': 'notFound',
    'u-8': 'held',
  });
  expect(result.state).toBe('partiallySucceeded');
  expect(await countOf(database(), 'moving')).toBe(9);
  await expectInvariants(trial('moving', 12));
});

test('a job fails before any deletion if changes make more users match than were confirmed', async () => {
  const workspace = await seedWorkspace(database(), 'widened', 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  await asOwner(
    `UPDATE users SET country = 'IN' WHERE workspace_id = 'widened' AND user_id = 'u-1'`,
  );
  await expect(steps.backUp(jobId)).rejects.toMatchObject({ type: 'selectionChanged' });
  const end = { kind: 'failed', type: 'selectionChanged', message: 'more match' } as const;
  expect(await steps.finish({ jobId, end })).toMatchObject({ state: 'failed' });
  expect(await countOf(database(), 'widened')).toBe(10);
});

test.each([
  ['though nobody was deleted or changed', [], 7, 'usersHidden'],
  [
    'and more than others deleted and changed',
    [
      `DELETE FROM users WHERE user_id = 'u-2'`,
      `UPDATE users SET country = 'FR' WHERE user_id = 'u-4'`,
    ],
    6,
    'usersHidden',
  ],
  ['as others deleted them', [`DELETE FROM users WHERE user_id IN ('u-2', 'u-4')`], 5, undefined],
  [
    'as others changed them',
    [`UPDATE users SET country = 'FR' WHERE user_id IN ('u-2', 'u-4')`],
    5,
    undefined,
  ],
])(
  'a backup may hold fewer users than confirmed only if changes explain it: %s',
  async (why, meanwhile, confirmed, failure) => {
    const id = `fewer-${why.replaceAll(' ', '-')}`.slice(0, 40);
    const workspace = await seedWorkspace(database(), id, 10);
    const previewed = { filter: inIndia, confirmed, users: 10 };
    const jobId = await startDeletion(database(), workspace, previewed);
    for (const statement of meanwhile) {
      await asOwner(`${statement} AND workspace_id = '${id}'`);
    }
    const backup = await steps.backUp(jobId).catch((error: unknown) => error);
    expect(backup).toMatchObject(failure === undefined ? { rows: 3 } : { type: failure });
  },
);

test('a backup of nearly all users is refused, even if its preview was confirmed', async () => {
  const workspace = await seedWorkspace(database(), 'everyone', 200);
  const filter = { field: 'userId', op: 'isKnown' };
  const jobId = await startDeletion(database(), workspace, { filter, confirmed: 200 });
  expect(await failureOf(steps.backUp(jobId))).toMatchObject({
    type: 'deleteAllRequired',
    nonRetryable: true,
    message: expect.stringContaining('200 of the 200 users'),
  });
});

test('users that were added after the preview are not selected', async () => {
  const workspace = await seedWorkspace(database(), 'newcomers', 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  await asOwner(
    `INSERT INTO users (workspace_id, user_id, country) VALUES ('newcomers', 'new', 'IN')`,
  );
  expect(await steps.backUp(jobId)).toMatchObject({ rows: 5 });
});

test('a foreign key that would cascade stops the job before anything is deleted', async () => {
  const workspace = await seedWorkspace(database(), 'cascading', 4);
  await asOwner(`CREATE TABLE orders (w text, u text COLLATE "C",
    CONSTRAINT orders_user FOREIGN KEY (w, u) REFERENCES users_cascading ON DELETE CASCADE)`);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  await expect(steps.backUp(jobId)).rejects.toMatchObject({ type: 'foreignKeyCascades' });
});

test('committed batches are on disk after they are synced', async () => {
  const workspace = await seedWorkspace(database(), 'synced', 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  await steps.enter(jobId, 'deleting');
  await steps.admit(exportId);
  const { pool } = database().owner;
  const client = await steps.deps.lanes.connect();
  let modes: { synchronous_commit: string }[] = [];
  const batch = { exportId, part: 1, cursor: 0, limit: 5 };
  const beforeCommit = () => {
    void client
      .query<{ synchronous_commit: string }>('SHOW synchronous_commit')
      .then(({ rows }) => (modes = rows));
  };
  const committing = deleteBatch(client, batch, { mayCommit: () => true, beforeCommit });
  expect(await committing).toEqual({ status: 'deleted', deleted: 5 });
  expect(modes).toEqual([{ synchronous_commit: 'off' }]);
  expect((await client.query('SHOW synchronous_commit')).rows).toEqual([
    { synchronous_commit: 'on' },
  ]);
  client.release();
  const { rows } = await pool.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
  await syncBatches(steps.deps.database.db);
  const flushed = 'SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn AS "isFlushed"';
  expect((await pool.query(flushed, [rows[0]?.lsn])).rows).toEqual([{ isFlushed: true }]);
});

test('a change within a savepoint counts as a change', async () => {
  const workspace = await seedWorkspace(database(), 'savepoint', 4);
  const client = await database().owner.pool.connect();
  await client.query(`BEGIN; SAVEPOINT a;
    UPDATE users SET city = 'Goa' WHERE workspace_id = 'savepoint' AND user_id = 'u-2'; RELEASE a`);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
  const backup = await steps.backUp(jobId);
  await client.query('COMMIT');
  client.release();
  expect(await steps.remove(jobId, backup.exportId)).toEqual({ deleted: 1 });
  expect(await steps.settle(jobId, 1)).toMatchObject({ changed: 1 });
});

test.each([
  ['a column with a default', () => `ALTER TABLE users ADD COLUMN score int DEFAULT 7`],
  ['a changed type', () => `ALTER TABLE users ALTER COLUMN city TYPE varchar USING upper(city)`],
  [
    'a renamed label',
    () => `ALTER TYPE mood RENAME VALUE 'glad' TO 'sad'`,
    (t: string) => `CREATE TYPE mood AS ENUM ('glad'); ALTER TABLE users ADD COLUMN mood mood;
      UPDATE ${t} SET mood = 'glad'`,
  ],
  ['a rewrite', (t: string) => `VACUUM FULL ${t}`],
  [
    'an update with the trigger off',
    (t: string) => `ALTER TABLE ${t} DISABLE TRIGGER zzz_stamp;
      UPDATE ${t} SET city = 'X'; ALTER TABLE ${t} ENABLE ALWAYS TRIGGER zzz_stamp`,
  ],
  [
    'a detached partition',
    (t: string) => `ALTER TABLE users DETACH PARTITION ${t}; UPDATE ${t} SET city = 'X';
      ALTER TABLE users ATTACH PARTITION ${t} FOR VALUES IN ('${t.slice(6)}')`,
  ],
])(
  'after %s, a backup deletes no user, and all its users count as changed',
  async (name, change, prepare = (_table: string) => '') => {
    const id = `void${name.length}`;
    const workspace = await seedWorkspace(database(), id, 10);
    await asOwner(prepare(`users_${id}`));
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
    const backup = await steps.backUp(jobId);
    await asOwner(change(`users_${id}`));
    expect(await steps.remove(jobId, backup.exportId)).toEqual({ deleted: 0 });
    expect(await steps.settle(jobId, 1)).toMatchObject({ changed: 5 });
    expect(await countOf(database(), id)).toBe(10);
  },
);

test('no backup for a deletion is made if the stamp trigger is off, not always on, or not last', async () => {
  const workspace = await seedWorkspace(database(), 'unstamped', 10);
  const broken = [
    'DISABLE TRIGGER zzz_stamp',
    'ENABLE TRIGGER zzz_stamp',
    'ENABLE REPLICA TRIGGER zzz_stamp',
  ];
  for (const change of broken) {
    await asOwner(`ALTER TABLE users_unstamped ${change}`);
    const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
    await expect(steps.backUp(jobId)).rejects.toMatchObject({ type: 'usersNotStamped' });
  }
  await asOwner(`ALTER TABLE users_unstamped ENABLE ALWAYS TRIGGER zzz_stamp;
    CREATE TRIGGER zzzz BEFORE UPDATE ON users_unstamped FOR EACH ROW EXECUTE FUNCTION stamp_user()`);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  await expect(steps.backUp(jobId)).rejects.toMatchObject({ type: 'usersNotStamped' });
});

test('no backup for a deletion is made if the stamp function differs from the migration', async () => {
  const workspace = await seedWorkspace(database(), 'restamped', 10);
  const { rows } = await asOwner(`SELECT pg_get_functiondef('stamp_user'::regproc) AS text`);
  const { text } = rows[0] as { text: string };
  await asOwner(text.replace('BEGIN', `BEGIN IF NEW.city = 'X' THEN RETURN NEW; END IF;`));
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  await expect(steps.backUp(jobId)).rejects.toMatchObject({ type: 'usersNotStamped' });
  await asOwner(text);
  expect(await steps.backUp(jobId)).toMatchObject({ rows: 1 });
});

test('API and worker can neither delete users nor change the records that guard them', async () => {
  await seedWorkspace(database(), 'guarded', 3);
  const refused = [
    'DELETE FROM users',
    'DELETE FROM users_guarded',
    'TRUNCATE users_guarded',
    'DELETE FROM workspaces',
    `UPDATE export_attempts SET snapshot = pg_current_snapshot()`,
    `UPDATE export_parts SET deleted = 0`,
    `INSERT INTO deletion_batches SELECT`,
    'DROP TABLE users_guarded',
    'ALTER TABLE users_guarded DISABLE TRIGGER zzz_stamp',
    `UPDATE previews SET snapshot = pg_current_snapshot()`,
  ];
  for (const statement of refused) {
    await expect(database().app.pool.query(statement)).rejects.toMatchObject({
      code: expect.stringMatching(/^42/),
    });
  }
  expect(await countOf(database(), 'guarded')).toBe(3);
});

test('a deletion of chosen users whose list was removed deletes no user', async () => {
  const workspace = await seedWorkspace(database(), 'listless', 10);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2'] });
  await asOwner(`DELETE FROM job_targets WHERE job_id = '${jobId}'`);
  const { exportId, rows } = await steps.backUp(jobId);
  expect(rows).toBe(0);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 0 });
  expect(await countOf(database(), 'listless')).toBe(10);
});

test('users with values of a custom type are not backed up if its output function is not immutable', async () => {
  const workspace = await seedWorkspace(database(), 'odd-output', 4);
  await asOwner(`CREATE TYPE odd;
    CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal STABLE STRICT AS 'textout';
    CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = text);
    CREATE DOMAIN odder AS odd;
    ALTER TABLE users ADD COLUMN odd odder[]`);
  const backUp = async () =>
    steps.backUp(await startDeletion(database(), workspace, { ids: ['u-1'] }));
  await expect(backUp()).rejects.toMatchObject({
    type: 'volatileText',
    message: expect.stringContaining('odd') as string,
  });
  await asOwner('ALTER FUNCTION odd_out IMMUTABLE');
  expect(await backUp()).toMatchObject({ rows: 1 });
  await asOwner('ALTER TABLE users DROP COLUMN odd');
});

test.each(['regclass', 'regtype[]', 'regrole'])(
  'users with values of %s are not backed up, because other objects may change their text',
  async (type) => {
    const name = `names-${type.replace('[]', '')}`;
    const workspace = await seedWorkspace(database(), name, 4);
    const { pool } = database().owner;
    await pool.query(`ALTER TABLE users ADD COLUMN named ${type}`);
    const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
    await expect(steps.backUp(jobId)).rejects.toMatchObject({
      type: 'volatileText',
      message: expect.stringContaining(type.replace('[]', '')),
    });
    await pool.query('ALTER TABLE users DROP COLUMN named');
  },
);
