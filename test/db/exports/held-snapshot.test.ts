import { expect, test } from 'vitest';
import { holdSnapshot, joinSnapshot } from '../../../db/exports/held-snapshot.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedWorkspace } from '../../support/steps/deletion.ts';

const database = useDatabase();

test('a lane that joins a held snapshot sees the same rows as its holder', async () => {
  const { pool } = database().app;
  await seedWorkspace(database(), 'held', 3);
  const held = await holdSnapshot(pool, 'held');
  await database().owner.pool.query(`DELETE FROM users WHERE workspace_id = 'held'`);
  const lane = await joinSnapshot(pool, 'held', held.exportedId);
  const seen = await lane?.query('SELECT count(*) AS n FROM users_held');
  expect(seen?.rows).toEqual([{ n: 3 }]);
  lane?.release(true);
  held.client.release(true);
});

test('no lane joins a snapshot whose holder has ended', async () => {
  const { pool } = database().app;
  await seedWorkspace(database(), 'gone', 3);
  const held = await holdSnapshot(pool, 'gone');
  await held.client.query('ROLLBACK');
  held.client.release();
  expect(await joinSnapshot(pool, 'gone', held.exportedId)).toBeUndefined();
});
