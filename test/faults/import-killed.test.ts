import { expect, test } from 'vitest';
import type { CrashPoint } from '../../activities/deps.ts';
import { hasCrashedAt, orderCrash } from '../support/stack/crash-at.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const stack = useOwnStack({ mainFiles: { worker: 'test/support/stack/crashing-worker.ts' } });

const LINES = 35_000;

/**
 * Lines about new and existing users. Two lines about the same user are some 10,000 lines apart.
 */
const file = `userId,city,tags\n${Array.from(
  { length: LINES },
  (_, n) => `u-${n % 12_000},city ${n},t${n}\n`,
).join('')}bad,x\n`;

/** Records each write of a user, which shows whether an import wrote a line twice. */
const watchWrites = (workspaceId: string) =>
  stack().sql(`
    CREATE TABLE IF NOT EXISTS writes (workspace_id text, user_id text, tags text[]);
    GRANT INSERT ON writes TO PUBLIC;
    CREATE OR REPLACE FUNCTION watch_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.writes VALUES (NEW.workspace_id, NEW.user_id, NEW.tags); RETURN NULL; END $$;
    CREATE TRIGGER watch AFTER INSERT OR UPDATE ON "users_${workspaceId}"
      FOR EACH ROW EXECUTE FUNCTION watch_write()`);

const POINTS: CrashPoint[] = ['import:chunk-open', 'import:chunk-committed'];

test.each(POINTS)(
  'if the worker is killed at %s, another worker continues, and no line is imported twice',
  async (point) => {
    const id = point.replace(':', '-');
    const admin = await stack().workspace(id);
    await stack().sql(
      `INSERT INTO users (workspace_id, user_id, city) SELECT $1, 'u-' || n, 'old' FROM generate_series(0, 999) n`,
      [id],
    );
    await watchWrites(id);
    await orderCrash(stack().dataDir, point);
    const { id: jobId } = await admin.importFile(new Blob([file]), {
      mode: 'update',
      mergeTags: true,
    });
    const job = await admin.finish(jobId);
    expect(hasCrashedAt(stack().dataDir, point), 'the crash point was reached').toBe(true);
    expect(job).toMatchObject({
      state: 'partiallySucceeded',
      counts: {
        lines: LINES + 1,
        imported: 11_000,
        merged: LINES - 11_000,
        unchanged: 0,
        skipped: 0,
        held: 0,
        failed: 1,
        unprocessed: 0,
      },
    });
    const [written] = await stack().sql<{ times: number; users: number; tags: number }>(
      `SELECT count(*)::int AS times, count(DISTINCT user_id)::int AS users,
              count(DISTINCT (user_id, tags))::int AS tags FROM writes WHERE workspace_id = $1`,
      [id],
    );
    // No chunk holds a user twice, so each line is a separate write.
    expect(written).toEqual({ times: LINES, users: 12_000, tags: LINES });
    const [last] = await stack().sql<{ city: string; tags: string[] }>(
      `SELECT city, tags FROM users WHERE workspace_id = $1 AND user_id = 'u-5'`,
      [id],
    );
    expect(last).toEqual({ city: 'city 24005', tags: ['t5', 't12005', 't24005'] });
  },
);

/** Half of the lines have a cell too many. */
const CHECKED = `userId\n${Array.from({ length: 60_000 }, (_, n) =>
  n % 2 === 0 ? `c-${n}\n` : 'c,\n',
).join('')}`;

test('if the worker is killed while it checks a file, a dry run counts lines once and writes no user', async () => {
  const admin = await stack().workspace('checking');
  await watchWrites('checking');
  const options = { mode: 'update', dryRun: true } as const;
  const { id: jobId } = await admin.importFile(new Blob([CHECKED]), options);
  const { worker } = stack().stack.info().pids;
  await expect
    .poll(() => stack().sql("SELECT FROM jobs WHERE id = $1 AND phase = 'checking'", [jobId]), {
      interval: 5,
    })
    .toHaveLength(1);
  process.kill(worker!, 'SIGKILL');
  const job = await admin.finish(jobId);
  expect(job).toMatchObject({
    state: 'partiallySucceeded',
    counts: { lines: 60_000, imported: 30_000, failed: 30_000, unprocessed: 0 },
  });
  for (const table of ['users', 'writes']) {
    const rows = await stack().sql(`SELECT FROM ${table} WHERE workspace_id = 'checking'`);
    expect(rows).toEqual([]);
  }
});
