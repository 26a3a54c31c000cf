import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { seedWorkspace, startDeletion, useDeletionSteps } from '../../support/steps/deletion.ts';
import { restoreUsers, rowsOf } from '../../support/steps/restore.ts';

/** Rows with values that today's rules would store in another form, or refuse. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const TYPES = [
  ['score', 'number'],
  ['mobile', 'phone'],
  ['likes', 'list'],
  ['site', 'url'],
];

const OLD = `('old-1', ' Ada\u200B@Example.com', '+49 (30) 123-45', '{" trial","vip ",""}', '{
  "score": 12345678901234567890.50, "mobile": "0049 30/1.5E+10", "likes": [" tea\\t", 7, ";"],
  "site": "http:example.com" }')`;

const SELECTING = [
  { field: 'email', op: 'contains', value: 'ADA' },
  { and: ['ada', '@ex'].map((value) => ({ field: 'email', op: 'contains', value })) },
  { field: 'phone', op: 'is', value: '+49 (30) 123-45' },
  { field: 'phone', op: 'contains', value: '(30)' },
  { field: 'tags', op: 'contains', value: 'trial' },
  { field: 'tags', op: 'contains', value: ' trial' },
  { field: 'tags', op: 'contains', value: 'vip' },
  { field: 'properties.score', op: 'gt', value: 1e19 },
  { field: 'properties.mobile', op: 'contains', value: '0049 30' },
  { field: 'properties.likes', op: 'contains', value: 'tea' },
  { field: 'properties.site', op: 'is', value: 'http:example.com' },
];

test.each(SELECTING.map((filter, n) => [n, filter] as const))(
  'a row with older values is selected, deleted and restored unchanged (%i: %j)',
  async (n, filter) => {
    const workspace = await seedWorkspace(database(), `older${n}`, 3);
    const { workspaceId } = workspace;
    const { pool } = database().owner;
    for (const [name, type] of TYPES) {
      await pool.query('INSERT INTO properties (workspace_id, name, type) VALUES ($1, $2, $3)', [
        workspaceId,
        name,
        type,
      ]);
    }
    await pool.query(`INSERT INTO users (workspace_id, user_id, email, phone, tags, properties)
      SELECT '${workspaceId}', id, email, phone, tags::text[], properties::jsonb
        FROM (VALUES ${OLD}) AS old (id, email, phone, tags, properties)`);
    const before = await rowsOf(database(), workspaceId);
    const jobId = await startDeletion(database(), workspace, { filter, confirmed: 1 });
    const { exportId } = await steps.backUp(jobId);
    expect(await steps.remove(jobId, exportId)).toMatchObject({ deleted: 1 });
    await steps.settle(jobId, 1);
    await steps.finish({ jobId, end: { kind: 'completed' } });
    expect(Object.keys(await rowsOf(database(), workspaceId))).not.toContain('old-1');
    await restoreUsers(database(), steps, workspace, exportId);
    expect(await rowsOf(database(), workspaceId)).toEqual(before);
  },
);
