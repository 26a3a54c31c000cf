import { afterAll, beforeAll, expect, test } from 'vitest';
import { createListPreview } from '../../../db/deletions/previews.ts';
import { countRestorable } from '../../../db/restores/restores.ts';
import { idsOfList } from '../../../db/users/user-lists.ts';
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
import { writeList } from '../../support/steps/user-lists.ts';

/** Ids are compared by their bytes, whatever collation the column of user ids has. */

const database = useDatabase();
const steps = useDeletionSteps(database);
let made = 0;

const asOwner = (statement: string) => database().owner.pool.query(statement);
const seed = (count = 10) => seedWorkspace(database(), `collated${made++}`, count);

const collate = (collation: string) =>
  asOwner(`ALTER TABLE users ALTER user_id TYPE text COLLATE ${collation}`);

beforeAll(() =>
  asOwner(
    `CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  ),
);

test.each(['"en-x-icu"', 'any_case', '"C"'])(
  'users with ids of collation %s are exported, deleted, settled, counted and restored',
  async (collation) => {
    await collate(collation);
    const workspace = await seed();
    const before = await rowsOf(database(), workspace.workspaceId);
    const { exportId, deleted, result } = await deleteUsers(database(), steps, workspace, [
      'u-1',
      'u-2',
      'U-3',
    ]);
    expect(deleted).toBe(2);
    expect(result).toMatchObject({ state: 'succeeded', counts: { deleted: 2, notFound: 1 } });
    const exported = await startExport(database(), workspace);
    await steps.enter(exported, 'exporting');
    expect(await steps.write(exported)).toMatchObject({ rows: 8 });
    const restored = await restoreUsers(database(), steps, workspace, exportId, ['u-1', 'u-2']);
    expect(restored).toMatchObject({ state: 'succeeded', counts: { restored: 2 } });
    expect(await rowsOf(database(), workspace.workspaceId)).toEqual(before);
  },
);

test.each(['"en-x-icu"', 'any_case'])(
  'a change to collation %s between backup and deletion takes another pass',
  async (collation) => {
    await collate('"C"');
    const workspace = await seed();
    const { workspaceId } = workspace;
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
    const { exportId } = await steps.backUp(jobId);
    await collate(collation);
    expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 0 });
    expect(await steps.settle(jobId, 1)).toEqual({ deleted: 0, changed: 5 });
    const second = await steps.backUp(jobId, 2);
    expect(await steps.remove(jobId, second.exportId)).toEqual({ deleted: 5 });
    expect(await steps.settle(jobId, 2)).toEqual({ deleted: 0, changed: 0 });
    expect(await steps.finish({ jobId, end: { kind: 'completed' } })).toMatchObject({
      state: 'succeeded',
      counts: { selected: 5, deleted: 5 },
    });
    expect(await countOf(database(), workspaceId)).toBe(5);
  },
);

test('a deletion that fails under another collation ends, and names its users', async () => {
  await collate('"C"');
  const workspace = await seed();
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2'] });
  await steps.backUp(jobId);
  await collate('"en-x-icu"');
  const end = { kind: 'failed', type: 'databaseRefused', message: 'no' } as const;
  expect(await steps.finish({ jobId, end })).toMatchObject({
    state: 'failed',
    counts: { selected: 2, deleted: 0, unprocessed: 2 },
  });
  expect(await outcomesOf(database(), jobId)).toEqual({
    'u-1': 'unprocessed',
    'u-2': 'unprocessed',
  });
});

test('lists and imports find users under another collation', async () => {
  await collate('"en-x-icu"');
  const workspace = await seed();
  const { workspaceId, keyId } = workspace;
  const { api } = database();
  const list = await writeList(api.db, workspace, 'userId', ['u-1', 'u-2', 'none']);
  const preview = await createListPreview(api.db, { workspaceId, actorKeyId: keyId, list });
  expect(preview).toMatchObject({ count: 2, report: { notFound: 1 } });
  const imports = await createImportSteps(database());
  const imported = await imports.run(workspace, 'userId,city\nu-1,Pune\nnew,Pune\n');
  expect(imported).toMatchObject({ state: 'succeeded', counts: { imported: 1, merged: 1 } });
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'new']);
  const backup = { id: exportId, workspace_id: workspaceId };
  const named = { ids: idsOfList(list.id), count: 3 };
  expect(await countRestorable(api.db, backup, named)).toMatchObject({
    restorable: 1,
    notFound: 2,
    notFoundSample: ['none', 'u-2'],
  });
});

afterAll(() => collate('"C"'));
