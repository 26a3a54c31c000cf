import { beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import type { SeededWorkspace } from '../support/deletion.ts';
import { seedTypedWorkspace } from '../support/export.ts';
import { createImportSteps, failuresOf, type ImportSteps } from '../support/import.ts';

const database = useDatabase();
let steps: ImportSteps;

beforeAll(async () => {
  steps = await createImportSteps(database());
});

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

const workspaceOf = (id: string): Promise<SeededWorkspace> => seedTypedWorkspace(database(), id);

const EXISTING = `('u1', 'Ada', 'Pune', '{old}', '{"string": "kept", "number": 1}'),
                  ('u2', 'Bob', 'Oslo', NULL, '{}')`;

/** A workspace with two users, u1 and u2. */
const seeded = async (id: string): Promise<SeededWorkspace> => {
  const workspace = await workspaceOf(id);
  await query(`INSERT INTO users (workspace_id, user_id, first_name, city, tags, properties)
    SELECT '${id}', user_id, first_name, city, tags::text[], properties::jsonb
      FROM (VALUES ${EXISTING}) AS given (user_id, first_name, city, tags, properties)`);
  return workspace;
};

const usersOf = ({ workspaceId }: SeededWorkspace) =>
  query(
    `SELECT user_id AS id, first_name AS name, city, tags, properties FROM users
      WHERE workspace_id = $1 ORDER BY user_id`,
    [workspaceId],
  );

const stampsOf = ({ workspaceId }: SeededWorkspace) =>
  query(
    `SELECT user_id, written_in, updated_at, xmin, xmax FROM users WHERE workspace_id = $1 ORDER BY user_id`,
    [workspaceId],
  );

const FILE = 'userId,firstName,tags,properties.number\nu1,Ada L.,new;old,\nu3,Cy,,3.5\n';

const COUNTS = {
  lines: 2,
  imported: 1,
  merged: 1,
  unchanged: 0,
  skipped: 0,
  failed: 0,
  unprocessed: 0,
};

const U2 = { id: 'u2', name: 'Bob', city: 'Oslo', tags: null, properties: {} };
const U3 = { id: 'u3', name: 'Cy', city: null, tags: null, properties: { number: 3.5 } };

test('update changes what the file has a column for, and an empty cell clears', async () => {
  const workspace = await seeded('updating');
  expect(await steps.run(workspace, FILE)).toMatchObject({ state: 'succeeded', counts: COUNTS });
  const u1 = { name: 'Ada L.', city: 'Pune', tags: ['new', 'old'], properties: { string: 'kept' } };
  expect(await usersOf(workspace)).toEqual([{ id: 'u1', ...u1 }, U2, U3]);
});

test('replace makes of the record what the line says, and nothing else is left', async () => {
  const workspace = await seeded('replacing');
  const before = await query(`UPDATE users SET legal_hold = true
    WHERE workspace_id = 'replacing' AND user_id = 'u1' RETURNING created_at, inserted_in`);
  const result = await steps.run(workspace, FILE, { mode: 'replace' });
  expect(result).toMatchObject({ state: 'succeeded', counts: COUNTS });
  const u1 = { name: 'Ada L.', city: null, tags: ['new', 'old'], properties: {} };
  expect(await usersOf(workspace)).toEqual([{ id: 'u1', ...u1 }, U2, U3]);
  const after = await query(`SELECT created_at, inserted_in FROM users
    WHERE workspace_id = 'replacing' AND user_id = 'u1' AND legal_hold`);
  expect(after).toEqual(before);
});

test('insert leaves users alone who are there', async () => {
  const workspace = await seeded('inserting');
  const before = await stampsOf(workspace);
  const result = await steps.run(workspace, FILE, { mode: 'insert' });
  const counts = { ...COUNTS, merged: 0, skipped: 1 };
  expect(result).toMatchObject({ state: 'succeeded', counts });
  expect((await stampsOf(workspace)).slice(0, 2)).toEqual(before);
  expect((await usersOf(workspace))[2]).toEqual(U3);
});

test.each(['update', 'replace'] as const)(
  'the same file again by %s changes no row: each keeps its stamp and its time, and is not even locked',
  async (mode) => {
    const workspace = await seeded(`again-${mode}`);
    await steps.run(workspace, FILE, { mode });
    const before = await stampsOf(workspace);
    const { counts } = await steps.run(workspace, FILE, { mode });
    expect(counts).toEqual({ ...COUNTS, imported: 0, merged: 2, unchanged: 2 });
    expect(await stampsOf(workspace)).toEqual(before);
  },
);
