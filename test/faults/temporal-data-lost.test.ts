import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { sendSignal } from '../../local/processes/stop-process.ts';
import { SCHEDULES } from '../../workflows/contracts/jobs.ts';
import { createDeleteAllApi } from '../support/http/delete-all-api.ts';
import { prepareTrial } from '../support/stack/fault-trial.ts';
import { expectInvariants } from '../support/database/invariants.ts';
import { useOwnStack } from '../support/stack/stack.ts';

/**
 * Temporal is started again at the same address without its data. The worker is not restarted.
 */

const stack = useOwnStack({ mainFiles: { worker: 'test/support/stack/registering-worker.ts' } });

const USERS = 50_000;
/** The sweep runs every minute, and is registered again a second after the server starts. */
const SWEPT = { timeout: 150_000, interval: 500 };

/** Kills Temporal and deletes its data before it is started again. */
const loseTemporal = async (): Promise<void> => {
  const pid = stack().stack.info().pids.temporal ?? 0;
  sendSignal(pid, 'SIGKILL');
  for (const end of ['', '-wal', '-shm', '-journal']) {
    rmSync(join(stack().dataDir, `temporal.db${end}`), { force: true });
  }
  await expect.poll(() => stack().stack.info().pids.temporal, SWEPT).not.toBe(pid);
};

const jobOf = (admin: ApiClient, id: string) => admin.succeed<Job>('GET', `/v1/jobs/${id}`);

const listSchedules = async (): Promise<string[]> => {
  const ids: string[] = [];
  for await (const { scheduleId } of stack().temporal.schedule.list()) ids.push(scheduleId);
  return ids.toSorted();
};

test('after Temporal lost its data, the running worker makes schedules again, and jobs and windows end', async () => {
  const { sql, asRole } = stack();
  const worker = stack().stack.info().pids.worker;
  const trial = await prepareTrial(stack(), 'lost', USERS);
  await sql(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
    CREATE TRIGGER slow AFTER DELETE ON users_lost FOR EACH STATEMENT EXECUTE FUNCTION slow()`);
  const api = createDeleteAllApi(stack());
  const opened = await api.ask('opened', 3);
  const platform = await asRole('platform');
  expect((await api.decide(platform, opened.id, 'approve', {})).status).toBe(200);
  const asked = await api.ask('asked', 3);

  const running = await trial.start();
  await expect.poll(async () => (await jobOf(trial.admin, running)).phase, SWEPT).toBe('deleting');
  await loseTemporal();
  // A job that a crash left without a workflow, so only the sweep can start the job.
  const queued = uuidv7();
  await sql(
    `INSERT INTO jobs (id, workspace_id, type, selection, options, actor_key_id, created_at)
     SELECT $1, workspace_id, 'export', '{"type": "all"}', $2, id, now() - interval '1 minute'
       FROM api_keys WHERE workspace_id = 'opened' LIMIT 1`,
    [
      queued,
      JSON.stringify({
        format: 'csv',
        compression: 'gzip',
        columns: ['userId'],
        spreadsheetSafe: true,
        notify: false,
      }),
    ],
  );
  await expect.poll(listSchedules, SWEPT).toEqual(SCHEDULES.map(({ id }) => id).toSorted());

  const stateOf = async (admin: ApiClient, id: string) => (await jobOf(admin, id)).state;
  await expect.poll(() => stateOf(trial.admin, running), SWEPT).toBe('failed');
  await expect.poll(() => stateOf(opened.admin, queued), SWEPT).toBe('succeeded');
  for (const { admin, id } of [opened, asked]) {
    await api.until(admin, id, ({ state }) => state === 'cancelled');
  }
  const ended = await jobOf(trial.admin, running);
  expect(ended).toMatchObject({ error: { type: 'workflowTerminated' } });
  await expectInvariants(trial);

  // A retry deletes the remaining users, on the new server.
  await sql('DROP TRIGGER slow ON users_lost');
  const { id } = await trial.admin.succeed<Job>('POST', `/v1/jobs/${running}/retry`);
  expect((await trial.admin.finish(id)).state).toBe('succeeded');
  const [{ left } = { left: 0 }] = await sql<{ left: number }>(
    "SELECT count(*)::int AS left FROM users WHERE workspace_id = 'lost'",
  );
  expect(left).toBe(USERS / 5);
  await expectInvariants(trial);
  expect(stack().stack.info().pids.worker).toBe(worker);
}, 400_000);
