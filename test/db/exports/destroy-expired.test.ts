import { createImportThreads } from '../../../activities/imports/import-threads.ts';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createDestroyExpired } from '../../../activities/expiry/destroy-expired.ts';
import type { ActivityDeps } from '../../../activities/deps.ts';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import { exportPrefix } from '../../../files/part-key.ts';
import type { JobType } from '../../../workflows/contracts/jobs.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedWorkspace } from '../../support/steps/deletion.ts';
import { type ExportToMake, makeExport, makeJob } from '../../support/steps/export-rows.ts';

const database = useDatabase();
let keyId: string;
let folder: string;
let deps: ActivityDeps;

beforeAll(async () => {
  ({ keyId } = await seedWorkspace(database(), 'expiry', 0));
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keepsake-files-'));
  deps = {
    database: database().app,
    lanes: database().app.pool,
    storage: createDirectoryStorage(folder),
    importThreads: createImportThreads(),
    meter: { rows: () => {}, batch: (batch) => batch },
    crashPoint: () => {},
  };
});

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

const run = () => createDestroyExpired(deps)(undefined, new AbortController().signal);

interface Wanted extends Partial<ExportToMake> {
  type?: JobType;
  /** Hours since the end of its job. Without a value, the job is running. */
  endedHoursAgo?: number;
}

const PAST = new Date(Date.now() - 60_000);

const make = async ({ type = 'export', endedHoursAgo, ...of }: Wanted) => {
  const { db } = database().owner;
  const jobId = await makeJob(db, { workspaceId: 'expiry', keyId, type });
  const purpose = type === 'deletion' ? 'backup' : 'download';
  const to = { db, storage: deps.storage };
  const { id } = await makeExport(to, { jobId, workspaceId: 'expiry', purpose, ...of });
  if (endedHoursAgo !== undefined) {
    await query(
      `UPDATE jobs SET state = 'succeeded', finished_at = now() - make_interval(hours => $2) WHERE id = $1`,
      [jobId, endedHoursAgo],
    );
  }
  const row = async () => (await query('SELECT * FROM exports WHERE id = $1', [id]))[0];
  return {
    id,
    jobId,
    row,
    folder: join(folder, exportPrefix(id)),
    lines: async () =>
      query('SELECT kind, actor_key_id, counts, details FROM activity WHERE export_id = $1', [id]),
  };
};

test('expired downloads and backups are removed with their files, and the activity log describes them', async () => {
  const made = [
    await make({ endedHoursAgo: 1, expiresAt: PAST }),
    await make({ type: 'deletion', endedHoursAgo: 1, expiresAt: PAST }),
    await make({ type: 'deletion', endedHoursAgo: 1, expiresAt: PAST, state: 'damaged' }),
  ];
  const living = await make({ type: 'deletion', endedHoursAgo: 100 });
  const digests = await Promise.all(made.map(async ({ row }) => (await row()).sha256));
  expect(await run()).toMatchObject({ removed: 3, destroyed: 3 });
  for (const [index, { row, folder: files }] of made.entries()) {
    const sha256 = digests[index];
    expect(await row()).toMatchObject({ state: 'removed', removed_by: null, sha256 });
    expect((await row()).destroyed_at).toBeInstanceOf(Date);
    expect(existsSync(files)).toBe(false);
  }
  expect(existsSync(living.folder)).toBe(true);
  const lines = await Promise.all(made.map((one) => one.lines()));
  expect(lines.map(([line]) => line.kind)).toEqual([
    'exportExpired',
    'backupExpired',
    'backupExpired',
  ]);
  expect(lines[1]).toEqual([
    {
      kind: 'backupExpired',
      actor_key_id: null,
      counts: { users: 3, bytes: (await made[1]!.row()).bytes },
      details: expect.objectContaining({
        state: 'verified',
        sha256: digests[1],
        expiresAt: PAST.toISOString(),
      }),
    },
  ]);
  expect(await run()).toMatchObject({ removed: 0 });
  expect(await made[0]!.lines()).toHaveLength(1);
});

test('an expired export is not removed while it is held or an unfinished job needs it', async () => {
  const held = await make({ type: 'deletion', endedHoursAgo: 100, expiresAt: PAST });
  await query('UPDATE exports SET legal_hold = true WHERE id = $1', [held.id]);
  const running = await make({ type: 'deletion', expiresAt: PAST });
  const restored = await make({ type: 'deletion', endedHoursAgo: 100, expiresAt: PAST });
  const restore = await makeJob(database().owner.db, {
    workspaceId: 'expiry',
    keyId,
    type: 'restore',
  });
  await query('UPDATE jobs SET backup_id = $2 WHERE id = $1', [restore, restored.id]);
  expect(await run()).toMatchObject({ removed: 0 });
  for (const { row, folder: files } of [held, running, restored]) {
    expect((await row()).state).toBe('verified');
    expect(existsSync(files)).toBe(true);
  }
  await query('UPDATE exports SET legal_hold = false WHERE id = $1', [held.id]);
  await query('UPDATE jobs SET finished_at = now() WHERE id = ANY ($1)', [
    [restore, running.jobId],
  ]);
  expect(await run()).toMatchObject({ removed: 3 });
});

test('a removed export is destroyed, and so are files that a lost attempt writes later', async () => {
  const half = await make({ type: 'deletion', endedHoursAgo: 1 });
  await query(
    `UPDATE exports SET state = 'removed', removed_at = now(), removed_by = $2 WHERE id = $1`,
    [half.id, keyId],
  );
  await run();
  expect(existsSync(half.folder)).toBe(false);
  const { destroyed_at: first } = await half.row();
  expect(first).toBeInstanceOf(Date);
  const late = join(half.folder, '2', '000001.csv.gz');
  await mkdir(dirname(late), { recursive: true });
  await writeFile(late, 'users');
  await run();
  expect(existsSync(half.folder)).toBe(false);
  expect((await half.row()).destroyed_at).toEqual(first);
  expect(await half.lines()).toEqual([]);
});

test('unverified exports are removed two days after the end of their job, and no earlier', async () => {
  const states = ['writing', 'written', 'damaged'] as const;
  const old = await Promise.all(states.map((state) => make({ state, endedHoursAgo: 49 })));
  const young = await Promise.all(states.map((state) => make({ state, endedHoursAgo: 47 })));
  const running = await make({ state: 'writing' });
  await query('UPDATE exports SET verified_at = NULL WHERE id = ANY ($1)', [
    [...old, ...young].map(({ id }) => id),
  ]);
  expect(await run()).toMatchObject({ removed: 3 });
  for (const one of old) {
    expect(existsSync(one.folder)).toBe(false);
    expect(await one.lines()).toMatchObject([{ kind: 'leftoversRemoved' }]);
  }
  for (const one of [...young, running]) expect(existsSync(one.folder)).toBe(true);
});

test('orphaned files of lost attempts are removed once, and the activity log says so', async () => {
  const of = { type: 'deletion', endedHoursAgo: 49 } as const;
  const [old, young] = [await make(of), await make({ ...of, endedHoursAgo: 1 })];
  for (const { id, folder: files } of [old, young]) {
    await query(
      `INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint)
      VALUES ($1, 2, '1:1:', 'none')`,
      [id],
    );
    await mkdir(join(files, '2'));
    await writeFile(join(files, '2', '000001.csv.gz.x.partial'), 'users');
  }
  expect(await run()).toMatchObject({ leftovers: 1 });
  expect([existsSync(join(old.folder, '2')), existsSync(join(old.folder, '1'))]).toEqual([
    false,
    true,
  ]);
  expect(existsSync(join(young.folder, '2'))).toBe(true);
  expect(await run()).toMatchObject({ leftovers: 0 });
  expect(await old.lines()).toMatchObject([
    { kind: 'leftoversRemoved', counts: { files: 1 }, details: { attempt: 2 } },
  ]);
});

test('an export whose files cannot be removed delays no other, is reported, and is tried again', async () => {
  const stuck = await make({ endedHoursAgo: 1, expiresAt: PAST });
  const free = await make({ endedHoursAgo: 1, expiresAt: PAST });
  const { storage } = deps;
  deps.storage = {
    ...storage,
    remove: async (prefix) => {
      if (prefix.includes(stuck.id)) throw new Error('the disk is away');
      await storage.remove(prefix);
    },
  };
  await expect(run()).rejects.toThrow('the disk is away');
  expect((await free.row()).destroyed_at).toBeInstanceOf(Date);
  expect(await stuck.row()).toMatchObject({ state: 'removed', destroyed_at: null });
  deps.storage = storage;
  await run();
  expect((await stuck.row()).destroyed_at).toBeInstanceOf(Date);
  expect(existsSync(stuck.folder)).toBe(false);
});

test('sessions that have ended are removed', async () => {
  await query(
    `INSERT INTO sessions (hash, key_id, expires_at)
     VALUES ('over', $1, now()), ('live', $1, now() + interval '1 hour')`,
    [keyId],
  );
  await run();
  expect(await query(`SELECT convert_from(hash, 'UTF8') AS hash FROM sessions`)).toEqual([
    { hash: 'live' },
  ]);
});

test('one call removes more than one page of expired exports', async () => {
  const count = 250;
  await query(
    `WITH job AS (
       INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, finished_at)
       SELECT gen_random_uuid(), 'expiry', 'export', 'succeeded', '{"type":"all"}', $1, now()
         FROM generate_series(1, $2::int) RETURNING id)
     INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, verified_at, expires_at)
     SELECT id, id, 'expiry', 'download', 1, 'gzip', now(), now() + interval '1 day' FROM job`,
    [keyId, count],
  );
  await query(
    `UPDATE exports SET expires_at = now() WHERE state = 'writing' AND verified_at IS NOT NULL`,
  );
  expect(await run()).toMatchObject({ removed: count });
});

test('an expired list of users is removed even if another removal fails', async () => {
  await query(
    `INSERT INTO user_lists (id, workspace_id, actor_key_id, match_by, expires_at)
     VALUES (gen_random_uuid(), 'expiry', $1, 'email', now() - interval '1 minute')`,
    [keyId],
  );
  await query('ALTER FUNCTION erase_fruitless_jobs RENAME TO erase_fruitless_jobs_away');
  await expect(run()).rejects.toThrow(/erase_fruitless_jobs/);
  expect(await query('SELECT FROM user_lists')).toHaveLength(0);
  await query('ALTER FUNCTION erase_fruitless_jobs_away RENAME TO erase_fruitless_jobs');
  await run();
});
