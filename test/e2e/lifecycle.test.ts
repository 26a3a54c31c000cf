import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { tablesHolding } from '../support/database/traces.ts';
import { triggerSchedule } from '../support/stack/trigger-schedule.ts';
import { waitUntil } from '../support/wait.ts';

const stack = useOwnStack({ mainFiles: { worker: 'test/support/stack/crashing-worker.ts' } });
let temporal: Client;

beforeAll(async () => {
  const connection = await Connection.connect({ address: stack().stack.info().temporal });
  temporal = new Client({ connection });
});
afterAll(() => temporal?.connection.close());

const DAY = `interval '1 day'`;

interface Line {
  kind: string;
  at: string;
  actor: { id: string; role: string } | null;
  reason: string | null;
  counts: Record<string, number>;
  details: Record<string, string>;
  links: Record<string, string>;
}

const addUsers = (workspaceId: string, canary: string, count: number) =>
  stack().sql(
    `INSERT INTO users (workspace_id, user_id, email, first_name)
     SELECT $1, $2 || '-' || n, $2 || n || '@mail.example', $2 FROM generate_series(1, $3::int) n`,
    [workspaceId, canary, count],
  );

const start = async (admin: ApiClient, path: string, body: unknown): Promise<Job> =>
  admin.finish((await admin.succeed<{ id: string }>('POST', path, body)).id);

const preview = (admin: ApiClient, selection: unknown) =>
  admin.succeed<{ id: string; count: number }>('POST', '/v1/deletion-previews', { selection });

/** Deletes by a filter that names the users' email addresses; one user is excluded. */
const deleteByFilter = async (admin: ApiClient, canary: string): Promise<Job> => {
  const filter = { field: 'email', op: 'contains', value: canary };
  const { id, count } = await preview(admin, {
    type: 'filter',
    filter,
    excludeIds: [`${canary}-1`],
  });
  const body = { previewId: id, confirm: { count }, reason: 'they left' };
  return start(admin, '/v1/deletions', body);
};

/** Runs every kind of job and preview that stores data of its users. */
const leaveTraces = async (admin: ApiClient, workspaceId: string, canary: string) => {
  await addUsers(workspaceId, canary, 40);
  await stack().sql(`UPDATE users SET legal_hold = true WHERE user_id = $1`, [`${canary}-40`]);
  await start(admin, '/v1/exports', {
    selection: { type: 'ids', ids: [`${canary}-1`, `${canary}-2`] },
  });
  const deletion = await deleteByFilter(admin, canary);
  expect(deletion.counts).toMatchObject({ deleted: 38, held: 1 });
  const backup = deletion.result!.backups![0]!;
  const ids = [`${canary}-2`, `${canary}-3`, `${canary}-1`];
  await start(admin, `/v1/backups/${backup.id}/restores`, { ids });
  const named = {
    selection: { type: 'ids', ids: [`${canary}-2`, `${canary}-0`] },
    reason: 'again',
  };
  const second = await start(admin, '/v1/deletions', named);
  await preview(admin, { type: 'ids', ids: [`${canary}-1`, `${canary}-3`] });
  return { deletion, backup, second };
};

/** Removes the remaining users, because these tests look for traces, not for users. */
const forgetUsers = async (workspaceId: string) => {
  await stack().sql('DELETE FROM users WHERE workspace_id = $1', [workspaceId]);
};

const filesHolding = async (folder: string, text: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name));
  const contents = await Promise.all(
    files.map(async (file) => (await readFile(file)).includes(text)),
  );
  return files.filter((_, index) => contents[index]);
};

const exportsOf = (workspaceId: string) =>
  stack().sql<{ id: string; state: string; destroyed_at: Date | null }>(
    'SELECT id, state, destroyed_at FROM exports WHERE workspace_id = $1',
    [workspaceId],
  );

const folderOf = (id: string) => join(stack().dataDir, 'files', 'exports', id);

test('the schedule erases all traces of expired exports, despite a crash; counts and checksums stay', async () => {
  const canary = 'sittich';
  const { sql, dataDir, workspace } = stack();
  const admin = await workspace('expired');
  const { deletion, backup, second } = await leaveTraces(admin, 'expired', canary);
  await forgetUsers('expired');
  const before = await tablesHolding(sql, [canary]);
  expect(before).toEqual([
    'deletion_batches',
    'job_targets',
    'jobs',
    'outcomes',
    'previews',
    'restore_chunks',
  ]);
  await sql(`UPDATE exports SET expires_at = now() WHERE workspace_id = 'expired'`);
  await sql(`UPDATE previews SET expires_at = now() - 2 * ${DAY} WHERE workspace_id = 'expired'`);

  await writeFile(join(dataDir, 'crash-at'), 'destroy:row-removed');
  await triggerSchedule(temporal, 'destroy-expired');
  await waitUntil(
    async () =>
      (await exportsOf('expired')).every(({ destroyed_at }) => destroyed_at !== null) &&
      (await tablesHolding(sql, [canary])).length === 0,
    300,
  );
  expect(existsSync(join(dataDir, 'crashed-at-destroy-row-removed'))).toBe(true);
  const all = await exportsOf('expired');
  expect(all.map(({ state }) => state)).toEqual(['removed', 'removed', 'removed']);
  for (const { id } of all) expect(existsSync(folderOf(id))).toBe(false);
  expect(await filesHolding(join(dataDir, 'logs'), canary)).toEqual([]);

  const { data } = await admin.succeed<{ data: Line[] }>('GET', '/v1/activity?limit=200');
  const kinds = data.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind.endsWith('Expired')).toSorted()).toEqual([
    'backupExpired',
    'backupExpired',
    'exportExpired',
  ]);
  const expiry = data.find(
    ({ kind, details }) => kind === 'backupExpired' && details['sha256'] === backup.sha256,
  );
  expect(expiry).toMatchObject({
    actor: null,
    counts: { users: backup.rows, bytes: backup.bytes },
  });
  const finished = data.find(
    ({ kind, counts }) => kind === 'deletionFinished' && counts['deleted'] === 38,
  );
  expect(finished?.links).not.toHaveProperty('log');
  for (const job of [deletion, second]) {
    expect(await admin.succeed('GET', `/v1/jobs/${job.id}`)).toMatchObject({
      counts: job.counts,
      selection: { erased: true },
      result: { backups: [{ sha256: expect.any(String), removedAt: expect.any(String) }] },
    });
    expect((await admin.call('GET', `/v1/deletions/${job.id}/log`)).status).toBe(410);
  }
  expect((await admin.call('POST', `/v1/backups/${backup.id}/restores`, {})).status).toBe(410);
});

test('a purge erases all traces at once; a held backup outlives its expiry until its hold is released', async () => {
  const canary = 'zeisig';
  const { sql, workspace, asRole } = stack();
  const admin = await workspace('purged');
  const platform = await asRole('platform');
  await addUsers('purged', canary, 40);
  const { result } = await deleteByFilter(admin, canary);
  const path = `/v1/backups/${result!.backups![0]!.id}`;
  await platform.succeed('PATCH', path, { legalHold: true });
  await sql(`UPDATE exports SET expires_at = now() WHERE workspace_id = 'purged'`);
  await temporal.workflow.execute('DestroyExpired', {
    workflowId: 'destroy-expired-by-hand',
    taskQueue: 'keepsake',
  });
  expect(await exportsOf('purged')).toMatchObject([{ state: 'verified' }]);
  const job = await start(admin, `${path}/restores`, { ids: [`${canary}-7`] });
  expect(job.counts).toMatchObject({ restored: 1 });
  await forgetUsers('purged');

  const shown = await platform.succeed<{ purgePhrase: string }>('GET', path);
  const purge = { confirm: shown.purgePhrase, reason: 'asked to be forgotten' };
  expect((await platform.call('POST', `${path}/purge`, purge)).status).toBe(409);
  const later = new Date(Date.now() + 86_400_000).toISOString();
  await platform.succeed('PATCH', path, { legalHold: false, expiresAt: later });
  expect((await platform.call('POST', `${path}/purge`, purge)).status).toBe(200);
  expect(await tablesHolding(sql, [canary])).toEqual([]);
  const [removed] = await exportsOf('purged');
  expect(existsSync(folderOf(removed!.id))).toBe(false);
  const { data } = await admin.succeed<{ data: Line[] }>('GET', '/v1/activity?kind=backupPurged');
  expect(data).toMatchObject([
    { actor: { role: 'platform' }, reason: purge.reason, details: { sha256: expect.any(String) } },
  ]);
});
