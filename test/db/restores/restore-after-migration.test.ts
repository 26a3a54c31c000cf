import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decompress } from '@cloudpss/zstd/napi';
import { afterEach, expect, test } from 'vitest';
import { mergeUsers } from '../../../db/users/user-merge.ts';
import { apiNameOf } from '../../../db/users/column-names.ts';
import { partKey } from '../../../files/part-key.ts';
import { compressFrame } from '../../../files/zstd.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedWorkspace, useDeletionSteps } from '../../support/steps/deletion.ts';
import { createImportSteps } from '../../support/steps/import.ts';
import { deleteUsers, restoreUsers, rowsOf } from '../../support/steps/restore.ts';

/** Deleted users can be restored, whatever the table has become since. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const undo: string[] = [];
afterEach(async () => {
  for (const statement of undo.splice(0).toReversed()) await asOwner(statement);
});

const asOwner = (statement: string) => database().owner.pool.query(statement);

const addColumn = async (name: string, type: string) => {
  await asOwner(`ALTER TABLE users ADD COLUMN ${name} ${type}`);
  undo.push(`ALTER TABLE users DROP COLUMN IF EXISTS ${name}`);
};

/** Rows as text, by id, without the two stamps in them. */
const withoutStamps = (rows: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(rows).map(([id, row]) => [id, String(row).replace(/,\d+,\d+(?=[,)])/, '')]),
  );

let made = 0;

const seed = (count = 6) => seedWorkspace(database(), `migrated${made++}`, count);

const isVersion = async (least: number): Promise<boolean> => {
  const { rows } = await asOwner('SHOW server_version_num');
  return Number((rows as { server_version_num: string }[])[0]?.server_version_num) >= least * 1e4;
};

const partFile = (exportId: string, part: number): string =>
  join(steps.storageDir, partKey({ exportId, attempt: 1, part, compression: 'zstd' }));

const columnOf = async (workspaceId: string, column: string) => {
  const { rows } = await asOwner(
    `SELECT user_id AS id, ${column} AS value FROM users WHERE workspace_id = '${workspaceId}'`,
  );
  return Object.fromEntries(
    (rows as { id: string; value: unknown }[]).map(({ id, value }) => [id, value]),
  );
};

test('a column that was added later gets its default in a restore, even if it must not be null', async () => {
  const workspace = await seed(2);
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await addColumn('plan', `text NOT NULL DEFAULT 'free'`);
  await addColumn('score', `int NOT NULL DEFAULT 7 CHECK (score > 0)`);
  expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
    state: 'succeeded',
    counts: { restored: 2, failed: 0 },
  });
  expect(await columnOf(workspace.workspaceId, 'plan')).toEqual({ 'u-1': 'free', 'u-2': 'free' });
});

test('a column with the API name of another column is not mistaken for it', async () => {
  const workspace = await seed(60);
  const before = await rowsOf(database(), workspace.workspaceId);
  const { exportId } = await deleteUsers(database(), steps, workspace, Object.keys(before));
  await addColumn('"firstName"', 'text');
  expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
    state: 'succeeded',
    counts: { restored: 60 },
  });
  const names = await columnOf(workspace.workspaceId, '"firstName"');
  expect(new Set(Object.values(names))).toEqual(new Set([null]));
  await asOwner('ALTER TABLE users DROP COLUMN "firstName"');
  expect(await rowsOf(database(), workspace.workspaceId)).toEqual(before);
});

test('generated columns are restored with the same values, stored or virtual', async () => {
  await addColumn(
    'search',
    `tsvector GENERATED ALWAYS AS (to_tsvector('simple', coalesce(city, '') || coalesce(email, ''))) STORED`,
  );
  if (await isVersion(18)) {
    await addColumn('initial', 'text GENERATED ALWAYS AS (left(first_name, 1)) VIRTUAL');
  }
  const workspace = await seed();
  const before = await rowsOf(database(), workspace.workspaceId);
  expect(before['u-1']).toContain("'u1@example.com'");
  const deletion = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2', 'u-3']);
  expect(deletion.result).toMatchObject({ state: 'succeeded' });
  expect(await restoreUsers(database(), steps, workspace, deletion.exportId)).toMatchObject({
    state: 'succeeded',
    counts: { restored: 3 },
  });
  expect(await rowsOf(database(), workspace.workspaceId)).toEqual(before);
});

test('a generated column that was changed or dropped does not stop a restore', async () => {
  await addColumn('city_key', 'text GENERATED ALWAYS AS (lower(city)) STORED');
  const workspace = await seed();
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await asOwner(`ALTER TABLE users DROP COLUMN city_key;
    ALTER TABLE users ADD COLUMN city_key text GENERATED ALWAYS AS (upper(country)) STORED`);
  const first = await restoreUsers(database(), steps, workspace, exportId, ['u-1']);
  expect(first).toMatchObject({ state: 'succeeded', counts: { restored: 1 } });
  await asOwner('ALTER TABLE users DROP COLUMN city_key');
  expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
    state: 'succeeded',
    counts: { restored: 1, present: 1 },
  });
});

test('a column that became generated, with another value, fails the restore of its user with a reason', async () => {
  await addColumn('nick', `text DEFAULT 'ada'`);
  const workspace = await seed();
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1']);
  await asOwner(`ALTER TABLE users DROP COLUMN nick;
    ALTER TABLE users ADD COLUMN nick text GENERATED ALWAYS AS (country) STORED`);
  const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
  expect(result).toMatchObject({ state: 'partiallySucceeded', counts: { restored: 0, failed: 1 } });
  const { rows } = await asOwner(`SELECT reason FROM outcomes WHERE job_id = '${jobId}'`);
  expect(rows).toEqual([{ reason: 'changedOnInsert nick' }]);
});

test('a workspace may have an identity column, and its users are restored with their values', async () => {
  await asOwner(`CREATE TABLE saved_partitions AS
    SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'users'::regclass`);
  undo.push('DROP TABLE saved_partitions');
  if (await isVersion(17)) {
    await addColumn('number', 'bigint GENERATED ALWAYS AS IDENTITY');
  } else {
    // Before PostgreSQL 17, such a column can be added only while there is no partition.
    await asOwner(`DO $$ DECLARE p text; BEGIN FOR p IN SELECT name FROM saved_partitions LOOP
      EXECUTE 'ALTER TABLE users DETACH PARTITION ' || p; END LOOP; END $$`);
    await addColumn('number', 'bigint GENERATED ALWAYS AS IDENTITY');
  }
  const workspace = await seed();
  const before = await columnOf(workspace.workspaceId, 'number');
  expect(new Set(Object.values(before)).size).toBe(6);
  const deletion = await deleteUsers(database(), steps, workspace, ['u-1', 'u-6']);
  expect(deletion.result).toMatchObject({ state: 'succeeded' });
  expect(await restoreUsers(database(), steps, workspace, deletion.exportId)).toMatchObject({
    state: 'succeeded',
    counts: { restored: 2 },
  });
  expect(await columnOf(workspace.workspaceId, 'number')).toEqual(before);
});

test.each([
  ['dropped', 'ALTER TABLE users DROP COLUMN nick'],
  ['renamed', 'ALTER TABLE users RENAME COLUMN nick TO handle'],
  [
    'renamed and replaced',
    `ALTER TABLE users RENAME COLUMN nick TO handle; ALTER TABLE users ADD COLUMN nick text`,
  ],
])('a %s column causes one clear error before a row is written', async (_how, change) => {
  await addColumn('nick', `text DEFAULT 'ada'`);
  undo.push('ALTER TABLE users DROP COLUMN IF EXISTS handle');
  undo.push('ALTER TABLE users DROP COLUMN IF EXISTS nick');
  const workspace = await seed();
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await asOwner(change);
  expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
    state: 'failed',
    error: { type: 'columnGone', message: expect.stringContaining('nick') },
    counts: { restored: 0, unprocessed: 2 },
  });
});

test.each([
  ['int', 'numeric(12,2)', '7', '7.00'],
  ['date', 'timestamptz', '2024-02-29', '2024-02-29 00:00:00+00'],
  ['varchar(20)', 'char(5)', 'ab', 'ab   '],
  ['json', 'jsonb', '{"b":1,"a":1.0}', '{"a": 1.0, "b": 1}'],
  ['text', 'int', '007', '7'],
])(
  'a column of type %s that was changed to %s is restored with the converted values',
  async (from, to, is, was) => {
    await addColumn('score', from);
    const workspace = await seed();
    const { workspaceId } = workspace;
    await asOwner(`UPDATE users SET score = '${is}' WHERE workspace_id = '${workspaceId}'`);
    const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
    await asOwner(`ALTER TABLE users ALTER score TYPE ${to} USING score::${to}`);
    expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
      state: 'succeeded',
      counts: { restored: 2 },
    });
    expect(await columnOf(workspaceId, 'concat(score)')).toMatchObject({ 'u-1': was, 'u-6': was });
  },
);

test('a value that a changed type cannot hold fails only the restore of its user', async () => {
  await addColumn('score', `text DEFAULT '7'`);
  const workspace = await seed();
  const where = `WHERE workspace_id = '${workspace.workspaceId}' AND user_id =`;
  await asOwner(`UPDATE users SET score = 'many' ${where} 'u-2'`);
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2', 'u-3']);
  await asOwner('ALTER TABLE users ALTER COLUMN score DROP DEFAULT, ALTER score TYPE int USING 1');
  const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
  expect(result).toMatchObject({ state: 'partiallySucceeded', counts: { restored: 2, failed: 1 } });
  const { rows } = await asOwner(`SELECT user_id, reason FROM outcomes WHERE job_id = '${jobId}'`);
  expect(rows).toEqual([{ user_id: 'u-2', reason: 'SQLSTATE 22P02' }]);
});

test.each([
  ['lost', (file: string) => rm(file)],
  ['spoilt', (file: string) => writeFile(file, 'something else')],
])('users are restored even if the header file is %s', async (_how, spoil) => {
  const workspace = await seed();
  const before = await rowsOf(database(), workspace.workspaceId);
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await spoil(partFile(exportId, 0));
  expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
    state: 'succeeded',
    counts: { restored: 2 },
  });
  expect(await rowsOf(database(), workspace.workspaceId)).toEqual(before);
});

test('a backup without recorded columns is restored by its header and the order of columns', async () => {
  const workspace = await seed();
  const before = await rowsOf(database(), workspace.workspaceId);
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  const header = Buffer.from(decompress(await readFile(partFile(exportId, 0)))).toString();
  const file = compressFrame(Buffer.from(header.split(',').map(apiNameOf).join(',')));
  await writeFile(partFile(exportId, 0), file);
  await asOwner(`UPDATE export_attempts SET columns = NULL WHERE export_id = '${exportId}'`);
  await database().owner.pool.query(
    'UPDATE export_parts SET bytes = $2, sha256 = $3 WHERE export_id = $1 AND part = 0',
    [exportId, file.length, createHash('sha256').update(file).digest('hex')],
  );
  await addColumn('"firstName"', 'text');
  const first = await restoreUsers(database(), steps, workspace, exportId, ['u-1']);
  expect(first).toMatchObject({ state: 'succeeded', counts: { restored: 1 } });
  expect(await columnOf(workspace.workspaceId, '"firstName"')).toMatchObject({ 'u-1': null });
  await asOwner('ALTER TABLE users DROP COLUMN "firstName"');
  expect((await rowsOf(database(), workspace.workspaceId))['u-1']).toBe(before['u-1']);

  await writeFile(partFile(exportId, 0), 'something else');
  expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
    state: 'failed',
    error: { type: 'backupDamaged' },
  });
});

test('values and names that are hard to compare are restored unchanged', async () => {
  await asOwner('CREATE TYPE place AS (city text, zip text)');
  undo.push('DROP TYPE place');
  await addColumn('place', 'place');
  await addColumn('u', 'text');
  await addColumn('n', 'numeric');
  await addColumn('"c0"', `xml DEFAULT '<a/>'`);
  await addColumn('price', `money DEFAULT 1234.5`);
  await addColumn('fixed', `char(4) DEFAULT 'a'`);
  await addColumn('sizes', `int4range[] DEFAULT '{"[1,5)",empty}'`);
  const workspace = await seed();
  const table = `users_${workspace.workspaceId}`;
  await asOwner(
    `UPDATE ${table} SET place = ROW('Goa', NULL), n = 'NaN', u = '' WHERE user_id = 'u-1'`,
  );
  await asOwner(`UPDATE ${table} SET place = ROW(NULL, NULL), n = 1.500 WHERE user_id = 'u-2'`);
  const text = async () => columnOf(workspace.workspaceId, `users::text`);
  const before = withoutStamps(await text());
  const deletion = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2', 'u-3']);
  expect(deletion.result).toMatchObject({ state: 'succeeded' });
  expect(await restoreUsers(database(), steps, workspace, deletion.exportId)).toMatchObject({
    state: 'succeeded',
    counts: { restored: 3 },
  });
  expect(withoutStamps(await text())).toEqual(before);
});

test('a serial column stops neither a restore, nor an import, nor a write by the API', async () => {
  const workspace = await seed(3);
  const { workspaceId, keyId } = workspace;
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await addColumn('counted', 'serial');
  const restored = await restoreUsers(database(), steps, workspace, exportId);
  expect(restored).toMatchObject({ state: 'succeeded', counts: { restored: 2 } });
  await addColumn('counted_by_import', 'serial');
  const imports = await createImportSteps(database());
  const imported = await imports.run(workspace, 'userId,city\nu-1,Goa\nu-9,Pune\n');
  expect(imported).toMatchObject({ state: 'succeeded', counts: { imported: 1, merged: 1 } });
  await addColumn('counted_again', 'serial');
  const options = { actorKeyId: keyId, mayCreate: true, mayClearHold: false };
  const change = { userId: 'new', columns: {}, properties: {} };
  expect(await mergeUsers(database().api.db, workspaceId, [change], options)).toEqual(['created']);
  await deleteUsers(database(), steps, workspace, ['u-1', 'new']);
});

test.each(['first_name', 'user_id'])(
  'another collation of %s does not stop a restore',
  async (column) => {
    const workspace = await seed();
    const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
    await asOwner(`ALTER TABLE users ALTER ${column} TYPE text COLLATE "en-x-icu"`);
    undo.push(`ALTER TABLE users ALTER ${column} TYPE text COLLATE "C"`);
    const restored = await restoreUsers(database(), steps, workspace, exportId);
    expect(restored).toMatchObject({ state: 'succeeded', counts: { restored: 2 } });
  },
);

test('no user is deleted if its generated values would differ after a restore', async () => {
  const workspace = await seed();
  await asOwner(
    `CREATE FUNCTION luck(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN $1 || random()::text`,
  );
  await addColumn('lucky', 'text GENERATED ALWAYS AS (luck(user_id)) STORED');
  const deleting = deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await expect(deleting).rejects.toMatchObject({
    type: 'notRestorable',
    message: expect.stringContaining('changedOnInsert lucky') as string,
  });
});
