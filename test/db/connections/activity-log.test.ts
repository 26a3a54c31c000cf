import { expect, test } from 'vitest';
import { recordActivity } from '../../../db/activity.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { useDatabase } from '../../support/database/database.ts';

const database = useDatabase();

const CHANGES = ["UPDATE activity SET reason = 'x'", 'DELETE FROM activity', 'TRUNCATE activity'];

test('neither API, worker nor owner can change or delete a line of the activity log, even as a replica', async () => {
  const { owner, app } = database();
  await createWorkspace(owner.db, { id: 'log', name: 'log' });
  await recordActivity(app.db, { workspaceId: 'log', kind: 'download', reason: 'as it was' });
  for (const change of CHANGES) {
    await expect(app.pool.query(change)).rejects.toMatchObject({ code: '42501' });
    await expect(owner.pool.query(change)).rejects.toMatchObject({ code: '23001' });
    const client = await owner.pool.connect();
    await client.query("SET session_replication_role = 'replica'");
    await expect(client.query(change)).rejects.toMatchObject({ code: '23001' });
    client.release(true);
  }
  const { rows } = await owner.pool.query('SELECT kind, reason FROM activity');
  expect(rows).toEqual([{ kind: 'download', reason: 'as it was' }]);
});
