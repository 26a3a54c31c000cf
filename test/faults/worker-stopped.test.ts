import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { CrashPoint } from '../../activities/deps.ts';
import { startSecondWorker } from '../support/stack/second-worker.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { waitUntil } from '../support/wait.ts';

const stack = useOwnStack({ mainFiles: { worker: 'test/support/stack/stopping-worker.ts' } });

const COUNT = 50_000;
const SELECTED = 40_000;
/** Time for the woken worker to continue its interrupted step. */
const AFTERMATH_MS = 2_000;

const POINTS: [CrashPoint, number][] = [
  ['delete:batch-committed', 20_000],
  ['delete:batch-open', 0],
];

test.each(POINTS)(
  'a worker that is stopped at %s and wakes after cancel and restore deletes no restored user',
  async (point, gone) => {
    const id = point.replace(':', '-');
    const { sql, workspace, dataDir, stack: running } = stack();
    const admin = await workspace(id);
    await sql(
      `INSERT INTO users (workspace_id, user_id, country)
       SELECT $1, 'u-' || n, CASE WHEN n % 5 = 0 THEN 'DE' ELSE 'IN' END
         FROM generate_series(1, $2::int) n`,
      [id, COUNT],
    );
    const count = async () =>
      (
        await sql<{ n: number }>('SELECT count(*)::int AS n FROM users WHERE workspace_id = $1', [
          id,
        ])
      )[0]?.n;
    for (const name of ['stopped', 'woken']) await rm(join(dataDir, name), { force: true });
    await writeFile(join(dataDir, 'stop-at'), point);
    const filter = { field: 'country', op: 'is', value: 'IN' };
    const preview = await admin.succeed<{ id: string }>('POST', '/v1/deletion-previews', {
      selection: { type: 'filter', filter },
    });
    const body = { previewId: preview.id, confirm: { count: SELECTED }, reason: 'test' };
    const { id: jobId } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', body);
    const appears = (name: string) => waitUntil(() => existsSync(join(dataDir, name)), 50);
    await appears('stopped');
    const pid = running.info().pids.worker ?? 0;
    const stopSecond = startSecondWorker(pid);
    try {
      // A cancel is refused while the stopped worker's batch is open. After a time-out, PostgreSQL
      // rolls the batch back.
      await waitUntil(
        async () => (await admin.call('POST', `/v1/jobs/${jobId}/cancel`)).status === 202,
        500,
      );
      const job = await admin.finish(jobId);
      expect(job).toMatchObject({
        state: 'cancelled',
        counts: { deleted: gone, unprocessed: SELECTED - gone },
      });
      const backup = job.result?.backups?.[0]?.id ?? '';
      const restore = await admin.succeed<{ id: string }>(
        'POST',
        `/v1/backups/${backup}/restores`,
        {},
      );
      expect((await admin.finish(restore.id)).counts).toMatchObject({ restored: gone });
      expect(await count()).toBe(COUNT);
      process.kill(pid, 'SIGCONT');
      await appears('woken');
      await sleep(AFTERMATH_MS);
      expect(await count()).toBe(COUNT);
    } finally {
      process.kill(pid, 'SIGCONT');
      await stopSecond();
    }
  },
  180_000,
);
