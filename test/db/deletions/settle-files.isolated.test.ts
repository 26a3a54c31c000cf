import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decompress } from '@cloudpss/zstd/napi';
import { expect, test, vi } from 'vitest';
import * as exports from '../../../db/exports/exports.ts';
import { partKey } from '../../../files/part-key.ts';
import { compressFrame } from '../../../files/zstd.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  useDeletionSteps,
  inIndia,
  seedWorkspace,
  startDeletion,
} from '../../support/steps/deletion.ts';

vi.mock('../../../db/exports/exports.ts', { spy: true });

const database = useDatabase();
const steps = useDeletionSteps(database);

const pool = () => database().owner.pool;

/** A deletion of five users before it is settled. One user is left because it has changed. */
const deleteAllButOne = async (id: string) => {
  const workspace = await seedWorkspace(database(), id, 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  await pool().query(
    `UPDATE users SET city = 'Pune', country = 'IN'
      WHERE workspace_id = $1 AND user_id IN ('u-1', 'u-2')`,
    [id],
  );
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 4 });
  return { jobId, exportId };
};

/** Replaces a text in a part's file. */
const alter = async (exportId: string, part: number, before: string, after: string) => {
  const key = partKey({ exportId, attempt: 1, part, compression: 'zstd' });
  const file = join(steps.storageDir, key);
  const text = Buffer.from(decompress(await readFile(file))).toString();
  expect(text).toContain(before);
  await writeFile(file, compressFrame(Buffer.from(text.replace(before, after))));
};

const targetsOf = async (jobId: string): Promise<unknown[]> =>
  (await pool().query('SELECT user_id FROM job_targets WHERE job_id = $1', [jobId])).rows;

test('a part that is changed between deletion and settlement adds no user to the next pass', async () => {
  const { jobId, exportId } = await deleteAllButOne('altered-part');
  await alter(exportId, 1, ',u-2,', ',u-1,');
  await expect(steps.settle(jobId, 1)).rejects.toMatchObject({ type: 'backupDamaged' });
  expect(await targetsOf(jobId)).toEqual([]);
});

test('a header that is changed after the deletion has no effect: the attempt stores the columns', async () => {
  const { jobId, exportId } = await deleteAllButOne('altered-header');
  const names = 'workspace_id,user_id,first_name';
  await alter(exportId, 0, names, 'workspace_id,first_name,user_id');
  expect(await steps.settle(jobId, 1)).toMatchObject({ changed: 1 });
  expect(await targetsOf(jobId)).toEqual([{ user_id: 'u-2' }]);
});

test('if the database is away while a failed job is settled, a retry counts the remaining user', async () => {
  const workspace = await seedWorkspace(database(), 'away-settling', 10);
  await pool().query(`CREATE TABLE orders_away (w text, u text COLLATE "C",
    FOREIGN KEY (w, u) REFERENCES "users_away-settling")`);
  await pool().query(`INSERT INTO orders_away VALUES ('away-settling', 'u-2')`);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 4 });
  const query = vi.spyOn(exports, 'findAttemptColumns');
  query.mockRejectedValueOnce(Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
  const end = { kind: 'failed', type: 'databaseUnavailable', message: 'x' } as const;
  await expect(steps.finish({ jobId, end })).rejects.toThrow('gone');
  expect(await steps.finish({ jobId, end })).toMatchObject({
    counts: { selected: 5, deleted: 4, failed: 1, unprocessed: 0 },
  });
});
