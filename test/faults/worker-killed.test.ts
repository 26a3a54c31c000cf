import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CrashPoint } from '../../activities/deps.ts';
import { openDatabase } from '../../db/client.ts';
import { addWitness, deletedOutsideBackup } from '../support/witness.ts';
import { useStack } from '../support/stack.ts';

const stack = useStack({ workerFile: 'test/support/crashing-worker.ts' });

const COUNT = 50_000;

const POINTS: CrashPoint[] = [
  'export:attempt-recorded',
  'export:part-written',
  'export:snapshot-committed',
  'export:verified',
  'delete:batch-open',
  'delete:batch-committed',
];

test.each(POINTS)(
  'worker killed at %s: another finishes, nothing lost, nothing counted twice',
  async (point) => {
    const id = point.replace(':', '-');
    const { sql, workspace, dataDir, stack: running } = stack();
    const admin = await workspace(id);
    const owner = openDatabase(running.info().databaseUrl, { maxConnections: 2 });
    await addWitness(owner, id);
    await sql(
      `INSERT INTO users (workspace_id, user_id, country, first_name)
     SELECT $1, 'u-' || n, CASE WHEN n % 5 = 0 THEN 'DE' ELSE 'IN' END, 'Zoë' FROM generate_series(1, $2::int) n`,
      [id, COUNT],
    );
    const filter = { field: 'country', op: 'is', value: 'IN' };
    const preview = await admin.succeed<{ id: string; count: number }>(
      'POST',
      '/v1/deletion-previews',
      {
        selection: { type: 'filter', filter },
      },
    );
    await writeFile(join(dataDir, 'crash-at'), point);
    const { id: jobId } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', {
      previewId: preview.id,
      confirm: { count: preview.count },
      reason: 'fault test',
    });
    const job = await admin.finish(jobId);
    expect(existsSync(join(dataDir, `crashed-at-${id}`)), 'the crash point was reached').toBe(true);
    expect(job).toMatchObject({
      state: 'succeeded',
      counts: { selected: 40_000, deleted: 40_000, changedSinceBackup: 0, unprocessed: 0 },
    });
    const [left] = await sql<{ n: number }>(
      'SELECT count(*)::int AS n FROM users WHERE workspace_id = $1',
      [id],
    );
    expect(left?.n).toBe(10_000);
    const [logged] = await sql<{ all: number; once: number }>(
      `SELECT count(*)::int AS all, count(DISTINCT d.user_id)::int AS once
       FROM deletion_batches b JOIN exports e ON e.id = b.export_id, unnest(b.deleted_ids) AS d(user_id)
      WHERE e.job_id = $1`,
      [jobId],
    );
    expect(logged).toEqual({ all: 40_000, once: 40_000 });
    const [seen] = await sql<{ n: number }>(
      'SELECT count(*)::int AS n FROM witness WHERE workspace_id = $1',
      [id],
    );
    expect(seen?.n).toBe(40_000);
    expect(await deletedOutsideBackup(owner, join(dataDir, 'files'), id)).toEqual([]);
    await owner.close();
  },
  120_000,
);
