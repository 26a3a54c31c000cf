import { afterEach, expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { seedWorkspace, startDeletion, useDeletionSteps } from '../../support/steps/deletion.ts';
import { deleteUsers, restoreUsers } from '../../support/steps/restore.ts';

/** PostgreSQL writes a value of `xml` without its declaration and its first line break. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

afterEach(() =>
  asOwner(`ALTER TABLE users DROP COLUMN IF EXISTS doc;
    DROP DOMAIN IF EXISTS page; DROP TYPE IF EXISTS pair`),
);

test('xml comes back with its declaration and its line breaks', async () => {
  const workspace = await seedWorkspace(database(), 'xml', 6);
  const { workspaceId } = workspace;
  await asOwner('ALTER TABLE users ADD COLUMN doc xml');
  await asOwner(`UPDATE users SET doc = CASE user_id
      WHEN 'u-1' THEN '<?xml version="1.0" encoding="UTF-8"?><a/>'
      WHEN 'u-2' THEN E'\\n\\n<a/>'
      WHEN 'u-3' THEN '<?xml version="1.0" standalone="yes"?><!DOCTYPE a><a>ä</a>'
      WHEN 'u-4' THEN 'text <b/> &amp; text' END::xml
    WHERE workspace_id = '${workspaceId}'`);
  const docs = async () =>
    (
      await asOwner(`SELECT user_id, doc::text FROM users
        WHERE workspace_id = '${workspaceId}' ORDER BY user_id`)
    ).rows;
  const before = await docs();
  const ids = ['u-1', 'u-2', 'u-3', 'u-4', 'u-5'];
  const { exportId } = await deleteUsers(database(), steps, workspace, ids);
  expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
    state: 'succeeded',
    counts: { restored: 5 },
  });
  expect(await docs()).toEqual(before);
});

test.each([
  ['a list', 'xml[]', '_xml'],
  ['a domain', 'page', 'page'],
  ['a composite', 'pair', 'pair'],
])('users with xml in %s are not backed up', async (_what, type, named) => {
  await asOwner(`CREATE DOMAIN page AS xml; CREATE TYPE pair AS (name text, page xml);
    ALTER TABLE users ADD COLUMN doc ${type}`);
  const workspace = await seedWorkspace(database(), `in-${type.replace('[]', '')}`, 3);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  await expect(steps.backUp(jobId)).rejects.toMatchObject({
    type: 'volatileText',
    message: expect.stringContaining(named) as string,
  });
});
