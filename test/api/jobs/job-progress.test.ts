import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const addDeletion = async (total: number): Promise<string> => {
  const id = uuidv7();
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, total, phase_started_at)
     VALUES ($1, 'one', 'deletion', 'running', '{"type":"filter"}', $2, $3, now() - interval '10 s')`,
    [id, api().keyIds.one, total],
  );
  return id;
};

const enter = (jobId: string, phase: string) =>
  query('UPDATE jobs SET phase = $2 WHERE id = $1', [jobId, phase]);

const addBackup = async (jobId: string, pass: number, rows: number, cursor = 0) => {
  const id = uuidv7();
  await query(
    `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, expires_at)
     VALUES ($1, $2, 'one', 'backup', $3, 'zstd', now() + interval '30 days')`,
    [id, jobId, pass],
  );
  await query(
    `INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint)
     VALUES ($1, 1, pg_current_snapshot(), 'f')`,
    [id],
  );
  await query(
    `INSERT INTO export_parts
       (export_id, attempt, part, rows, cursor, raw_bytes, bytes, sha256)
     VALUES ($1, 1, 1, $2, $3, 1, 1, 'x')`,
    [id, rows, cursor],
  );
  return id;
};

const chooseAgain = (jobId: string, pass: number, count: number) =>
  query(`INSERT INTO job_targets SELECT $1, $2, 'user-' || n FROM generate_series(1, $3) n`, [
    jobId,
    pass,
    count,
  ]);

const end = (jobId: string, state: string, counts: object | null) =>
  query(
    'UPDATE jobs SET state = $2, phase = NULL, counts = $3, finished_at = now() WHERE id = $1',
    [jobId, state, counts && JSON.stringify(counts)],
  );

const jobOf = async (jobId: string) => (await api().call('GET', `/v1/jobs/${jobId}`)).body;
const progressOf = async (jobId: string) => (await jobOf(jobId)).progress;

const COUNTS = { changedSinceBackup: 0, notFound: 0, held: 0, failed: 0 };

test('a second pass counts its own users, from the time at which it begins', async () => {
  const id = await addDeletion(60_000);
  await enter(id, 'backingUp');
  expect(await progressOf(id)).toMatchObject({ pass: 1, total: 60_000, processed: 0 });
  const first = await addBackup(id, 1, 60_000);
  expect(await progressOf(id)).toMatchObject({ pass: 1, total: 60_000, processed: 60_000 });
  await enter(id, 'deleting');
  await query('UPDATE export_parts SET cursor = 40000 WHERE export_id = $1', [first]);
  expect(await progressOf(id)).toMatchObject({ pass: 1, total: 60_000, processed: 40_000 });

  await enter(id, 'settling');
  await chooseAgain(id, 2, 53);
  expect(await progressOf(id)).toMatchObject({ pass: 1, total: 60_000, processed: 60_000 });
  await enter(id, 'backingUp');
  expect(await progressOf(id)).toMatchObject({
    pass: 2,
    total: 53,
    processed: 0,
    etaSeconds: null,
  });
  await addBackup(id, 2, 50);
  expect(await progressOf(id)).toMatchObject({ pass: 2, total: 53, processed: 50 });
  await enter(id, 'deleting');
  expect(await progressOf(id)).toMatchObject({ pass: 2, total: 50, processed: 0 });
  await enter(id, 'notifying');
  expect(await progressOf(id)).toMatchObject({ total: 60_000, processed: 60_000 });
});

test.each([
  ['succeeded', { selected: 60_000, deleted: 60_000, unprocessed: 0 }, 60_000, 60_000],
  ['cancelled', { selected: 60_000, deleted: 20_000, unprocessed: 40_000 }, 60_000, 20_000],
  ['failed', { selected: 60_000, deleted: 0, unprocessed: 60_000 }, 60_000, 0],
])(
  'a %s job shows the progress of all selected users: %j',
  async (state, counts, total, processed) => {
    const id = await addDeletion(60_000);
    await addBackup(id, 1, 60_000, 60_000);
    await chooseAgain(id, 2, 53);
    await addBackup(id, 2, 53, 53);
    await end(id, state, { ...COUNTS, ...counts });
    const nothing = { pass: null, ratePerSecond: null, etaSeconds: null };
    expect(await progressOf(id)).toEqual({ ...nothing, total, processed });
  },
);

test('a job that ended without counts shows 0 processed users', async () => {
  const id = await addDeletion(7);
  await end(id, 'failed', null);
  expect(await progressOf(id)).toMatchObject({ total: 7, processed: 0 });
});

test('an ended deletion links its log only if the log names a user', async () => {
  const id = await addDeletion(2);
  const log = `/v1/deletions/${id}/log`;
  expect((await jobOf(id)).links).toMatchObject({ log });
  await end(id, 'failed', { ...COUNTS, selected: 2, deleted: 0, unprocessed: 2 });
  const { links } = await jobOf(id);
  expect(links).not.toHaveProperty('log');
  expect(links).not.toHaveProperty('records');
  await query("INSERT INTO outcomes (job_id, user_id, outcome) VALUES ($1, 'x', 'unprocessed')", [
    id,
  ]);
  expect((await jobOf(id)).links).toMatchObject({ log });
});
