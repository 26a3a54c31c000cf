import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decompress } from '@cloudpss/zstd/napi';
import { expect, test } from 'vitest';
import { partKey } from '../../storage/part-key.ts';
import { packFrame } from '../../storage/zstd.ts';
import { useDatabase } from '../support/database.ts';
import { useDeletionSteps, inIndia, seedWorkspace, startDeletion } from '../support/deletion.ts';

const database = useDatabase();
const steps = useDeletionSteps(database);

test.each([
  ['part', 1, ',u-2,', ',u-1,'],
  ['header', 0, 'workspaceId,userId,firstName', 'workspaceId,firstName,userId'],
])(
  'a %s altered between deletion and settlement brings nobody into the next pass',
  async (name, part, before, after) => {
    const id = `altered-${name}`;
    const { pool } = database().owner;
    const workspace = await seedWorkspace(database(), id, 10);
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
    const { exportId } = await steps.backUp(jobId);
    await pool.query(
      `UPDATE users SET city = 'Pune', country = 'IN'
        WHERE workspace_id = $1 AND user_id IN ('u-1', 'u-2')`,
      [id],
    );
    expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 4 });
    const file = join(
      steps.storageDir,
      partKey({ exportId, attempt: 1, part, compression: 'zstd' }),
    );
    const text = Buffer.from(decompress(await readFile(file))).toString();
    expect(text).toContain(before);
    await writeFile(file, packFrame(Buffer.from(text.replace(before, after))));
    await expect(steps.settle(jobId, 1)).rejects.toMatchObject({ type: 'backupDamaged' });
    const { rows } = await pool.query('SELECT user_id FROM job_targets WHERE job_id = $1', [jobId]);
    expect(rows).toEqual([]);
  },
);
