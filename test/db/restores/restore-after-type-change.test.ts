import { afterEach, expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { reasonsOf, seedWorkspace, useDeletionSteps } from '../../support/steps/deletion.ts';
import { deleteUsers, restoreUsers, rowsOf } from '../../support/steps/restore.ts';

/** Types below the columns have changed since the backup. */

const database = useDatabase();
const steps = useDeletionSteps(database);
let made = 0;

const asOwner = (statement: string) => database().owner.pool.query(statement);

afterEach(() =>
  asOwner(`ALTER TABLE users DROP COLUMN IF EXISTS home;
    DROP TYPE IF EXISTS house CASCADE; DROP DOMAIN IF EXISTS zip CASCADE;
    DROP TYPE IF EXISTS street CASCADE; DROP TYPE IF EXISTS mood CASCADE`),
);

/** Deletes two of three users. `u-1` has a value in `home`; `u-2` has none. */
const prepare = async (types: string, type: string, value: string) => {
  await asOwner(types);
  const workspace = await seedWorkspace(database(), `types${made++}`, 3);
  const { workspaceId } = workspace;
  await asOwner(`ALTER TABLE users ADD COLUMN home ${type}`);
  await asOwner(`UPDATE users SET home = ${value}
    WHERE workspace_id = '${workspaceId}' AND user_id = 'u-1'`);
  const before = await rowsOf(database(), workspaceId);
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  return { workspace, workspaceId, exportId, before };
};

const STREET = `CREATE TYPE street AS (name text, part text)`;
const HOUSE = `${STREET}; CREATE TYPE house AS (at street, number int)`;
const MOOD = `CREATE TYPE mood AS ENUM ('good', 'bad', 'none')`;
const EXCHANGED = `ALTER TYPE mood RENAME VALUE 'good' TO 'x';
  ALTER TYPE mood RENAME VALUE 'bad' TO 'good'; ALTER TYPE mood RENAME VALUE 'x' TO 'bad'`;
const REPLACED = `ALTER TYPE street DROP ATTRIBUTE name; ALTER TYPE street ADD ATTRIBUTE town text`;

test.each([
  ['labels are exchanged', MOOD, 'mood', `'good'`, EXCHANGED, 'mood'],
  ['labels are exchanged below an array', MOOD, 'mood[]', `'{good,bad}'`, EXCHANGED, 'mood'],
  ['an attribute is replaced', STREET, 'street', `'(Elm,east)'`, REPLACED, 'street'],
  ['an attribute is replaced deeper', HOUSE, 'house', `'("(Elm,east)",7)'`, REPLACED, 'street'],
  [
    'attributes are exchanged',
    STREET,
    'street',
    `'(Elm,east)'`,
    `ALTER TYPE street RENAME ATTRIBUTE name TO x; ALTER TYPE street RENAME ATTRIBUTE part TO name;
     ALTER TYPE street RENAME ATTRIBUTE x TO part`,
    'street',
  ],
])(
  'where %s, values would mean something else: one clear error before a row is written',
  async (_what, types, type, value, change, named) => {
    const { workspace, workspaceId, exportId } = await prepare(types, type, value);
    await asOwner(change);
    const restored = await restoreUsers(database(), steps, workspace, exportId);
    expect(restored).toMatchObject({
      state: 'failed',
      error: { type: 'typeChanged', message: expect.stringContaining(`type ${named} `) as string },
      counts: { restored: 0, unprocessed: 2 },
    });
    expect(Object.keys(await rowsOf(database(), workspaceId))).toEqual(['u-3']);
  },
);

test.each([
  [
    'an attribute is added',
    STREET,
    'street',
    `'(Elm,east)'`,
    'ALTER TYPE street ADD ATTRIBUTE town text',
    '22P02',
  ],
  [
    'an attribute is dropped',
    STREET,
    'street',
    `'(Elm,east)'`,
    'ALTER TYPE street DROP ATTRIBUTE part',
    '22P02',
  ],
  [
    'a label is renamed',
    MOOD,
    'mood',
    `'good'`,
    `ALTER TYPE mood RENAME VALUE 'good' TO 'fine'`,
    '22P02',
  ],
  [
    'a domain refuses the value',
    `CREATE DOMAIN zip AS text`,
    'zip',
    `'0'`,
    `ALTER DOMAIN zip ADD CONSTRAINT long_zip CHECK (length(VALUE) = 5)`,
    'constraint',
  ],
])(
  'where %s, users with a value are named, and others restored',
  async (_what, types, type, value, change, reason) => {
    const { workspace, exportId } = await prepare(types, type, value);
    await asOwner(change);
    const { jobId, ...restored } = await restoreUsers(database(), steps, workspace, exportId);
    expect(restored).toMatchObject({ counts: { restored: 1, failed: 1 } });
    expect(await reasonsOf(database(), jobId)).toEqual({
      'u-1': expect.stringContaining(reason) as string,
    });
  },
);

test.each([
  ['labels are added', MOOD, 'mood', `'good'`, `ALTER TYPE mood ADD VALUE 'great' BEFORE 'good'`],
  ['nothing', HOUSE, 'house', `'("(Elm,east)",7)'`, 'SELECT 1'],
])('where %s has changed, users come back', async (_what, types, type, value, change) => {
  const { workspace, workspaceId, exportId, before } = await prepare(types, type, value);
  await asOwner(change);
  const restored = await restoreUsers(database(), steps, workspace, exportId);
  expect(restored).toMatchObject({ state: 'succeeded', counts: { restored: 2 } });
  expect(await rowsOf(database(), workspaceId)).toEqual(before);
});
