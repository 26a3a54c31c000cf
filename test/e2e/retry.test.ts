import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const stack = useOwnStack();

interface Retried extends Job {
  retryOf: string | null;
  retriedBy: string | null;
}

const inIndia = { type: 'filter', filter: { field: 'country', op: 'is', value: 'IN' } };

const insertUsers = (workspaceId: string, count: number, prefix = 'u-') =>
  stack().sql(
    `INSERT INTO users (workspace_id, user_id, country)
     SELECT $1, $3 || n, CASE WHEN n % 5 = 0 THEN 'DE' ELSE 'IN' END FROM generate_series(1, $2::int) n`,
    [workspaceId, count, prefix],
  );

/** Records each delete of a user of the workspace. */
const watchDeletes = (workspaceId: string) =>
  stack().sql(`
    CREATE TABLE IF NOT EXISTS deletes (workspace_id text, user_id text);
    GRANT INSERT ON deletes TO PUBLIC;
    CREATE OR REPLACE FUNCTION watch_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.deletes VALUES (OLD.workspace_id, OLD.user_id); RETURN NULL; END $$;
    CREATE TRIGGER watch AFTER DELETE ON "users_${workspaceId}"
      FOR EACH ROW EXECUTE FUNCTION watch_delete()`);

/** The number of deletes, and of deleted ids. */
const deletesOf = async (workspaceId: string) => {
  const rows = await stack().sql<{ deletes: number; ids: number }>(
    `SELECT count(*)::int AS deletes, count(DISTINCT user_id)::int AS ids FROM deletes
      WHERE workspace_id = $1`,
    [workspaceId],
  );
  return rows[0];
};

const idsOf = async (workspaceId: string): Promise<string[]> => {
  const rows = await stack().sql<{ user_id: string }>(
    'SELECT user_id FROM users WHERE workspace_id = $1 ORDER BY user_id',
    [workspaceId],
  );
  return rows.map((row) => row.user_id);
};

const startDeletion = async (admin: ApiClient, selection: unknown = inIndia): Promise<string> => {
  const preview = await admin.succeed<{ id: string; count: number }>(
    'POST',
    '/v1/deletion-previews',
    { selection },
  );
  const body = { previewId: preview.id, confirm: { count: preview.count }, reason: 'test' };
  return (await admin.succeed<{ id: string }>('POST', '/v1/deletions', body)).id;
};

const retry = async (client: ApiClient, admin: ApiClient, jobId: string): Promise<Job> => {
  const { id } = await client.succeed<{ id: string }>('POST', `/v1/jobs/${jobId}/retry`);
  return admin.finish(id);
};

const retryable = async (client: ApiClient, workspaceId: string): Promise<string[]> => {
  const path = `/v1/jobs?retryable=true&workspace=${workspaceId}`;
  return (await client.succeed<{ data: { id: string }[] }>('GET', path)).data.map(({ id }) => id);
};

/** Replaces the folder of exports by a file, so that no export can be written. */
const withoutStorage = async (work: () => Promise<void>): Promise<void> => {
  const folder = join(stack().dataDir, 'files', 'exports');
  await rename(folder, `${folder}.aside`);
  await writeFile(folder, '');
  try {
    await work();
  } finally {
    await rm(folder);
    await rename(`${folder}.aside`, folder);
  }
};

test('ops finds failed jobs in its queue, and retries exactly their failed users, once, with a new backup', async () => {
  const admin = await stack().workspace('poison');
  const ops = await stack().asRole('ops');
  await insertUsers('poison', 10);
  await stack().sql(`CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF OLD.user_id IN ('u-1', 'u-2') THEN RAISE 'no'; END IF; RETURN OLD; END $$`);
  await stack().sql(
    'CREATE TRIGGER no BEFORE DELETE ON users_poison FOR EACH ROW EXECUTE FUNCTION no()',
  );
  const first = await admin.finish(await startDeletion(admin));
  expect(first).toMatchObject({ state: 'partiallySucceeded', counts: { deleted: 6, failed: 2 } });
  expect(await retryable(ops, 'poison')).toEqual([first.id]);
  const again = await retry(ops, admin, first.id);
  expect(again).toMatchObject({ state: 'partiallySucceeded', counts: { selected: 2, failed: 2 } });
  await stack().sql('DROP TRIGGER no ON users_poison');
  expect(await retryable(ops, 'poison')).toEqual([again.id]);
  const last = await retry(ops, admin, again.id);
  expect(last).toMatchObject({ state: 'succeeded', counts: { selected: 2, deleted: 2 } });
  expect(last.result?.backups?.[0]).toMatchObject({ rows: 2 });
  expect(last).toMatchObject({ retryOf: again.id, retriedBy: null });
  expect(await admin.succeed<Retried>('GET', `/v1/jobs/${again.id}`)).toMatchObject({
    retryOf: first.id,
    retriedBy: last.id,
  });
  expect(await retryable(ops, 'poison')).toEqual([]);
  for (const { id } of [first, again, last]) {
    expect((await ops.call('POST', `/v1/jobs/${id}/retry`)).status).toBe(409);
  }
  expect(await idsOf('poison')).toEqual(['u-10', 'u-5']);
});

test('a retry deletes no user that was added later or no longer matches', async () => {
  const admin = await stack().workspace('unnamed');
  await insertUsers('unnamed', 10);
  let failed: Job | undefined;
  await withoutStorage(async () => {
    failed = await admin.finish(await startDeletion(admin));
  });
  expect(failed).toMatchObject({ state: 'failed', counts: { deleted: 0, unprocessed: 8 } });
  await insertUsers('unnamed', 4, 'new-');
  await stack().sql(
    `UPDATE users SET country = 'FR' WHERE user_id = 'u-1' AND workspace_id = 'unnamed'`,
  );
  const done = await retry(admin, admin, failed?.id ?? '');
  expect(done).toMatchObject({ state: 'succeeded', counts: { selected: 7, deleted: 7 } });
  expect(await idsOf('unnamed')).toEqual([
    'new-1',
    'new-2',
    'new-3',
    'new-4',
    'u-1',
    'u-10',
    'u-5',
  ]);
});

test('a retry of a partial deletion deletes no newcomer, no changed user, and no user twice', async () => {
  const admin = await stack().workspace('partial');
  await insertUsers('partial', 10);
  await watchDeletes('partial');
  await stack().sql(`CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF OLD.user_id IN ('u-1', 'u-2', 'u-3') THEN RAISE 'no'; END IF; RETURN OLD; END $$`);
  await stack().sql(
    'CREATE TRIGGER keep BEFORE DELETE ON users_partial FOR EACH ROW EXECUTE FUNCTION keep()',
  );
  const first = await admin.finish(await startDeletion(admin));
  expect(first).toMatchObject({ state: 'partiallySucceeded', counts: { deleted: 5, failed: 3 } });
  await stack().sql('DROP TRIGGER keep ON users_partial');
  // The id of `u-4` was deleted, and now belongs to a newcomer.
  await stack().sql(`INSERT INTO users (workspace_id, user_id, country)
    VALUES ('partial', 'u-4', 'IN'), ('partial', 'new', 'IN')`);
  await stack().sql(
    `UPDATE users SET country = 'FR' WHERE user_id = 'u-1' AND workspace_id = 'partial'`,
  );
  const done = await retry(admin, admin, first.id);
  expect(done).toMatchObject({ counts: { selected: 3, deleted: 2, changedSinceBackup: 1 } });
  expect(await idsOf('partial')).toEqual(['new', 'u-1', 'u-10', 'u-4', 'u-5']);
  expect(await deletesOf('partial')).toEqual({ deletes: 7, ids: 7 });
});

test('a retry finishes a deletion that was cancelled in the middle, and deletes no user twice', async () => {
  const admin = await stack().workspace('halfway');
  await insertUsers('halfway', 50_000);
  await watchDeletes('halfway');
  const id = await startDeletion(admin);
  await admin.call('POST', `/v1/jobs/${id}/cancel`);
  const cancelled = await admin.finish(id);
  expect(cancelled.state).toBe('cancelled');
  const done = await retry(admin, admin, id);
  const gone = (cancelled.counts?.['deleted'] ?? 0) + (done.counts?.['deleted'] ?? 0);
  expect(gone).toBe(40_000);
  expect(await idsOf('halfway')).toHaveLength(10_000);
  expect(await deletesOf('halfway')).toEqual({ deletes: 40_000, ids: 40_000 });
});

test('failed exports and restores are retried with their original selection', async () => {
  const admin = await stack().workspace('others');
  await insertUsers('others', 10);
  const deletion = await admin.finish(
    await startDeletion(admin, { type: 'ids', ids: ['u-1', 'u-2'] }),
  );
  const backup = deletion.result?.backups?.[0]?.id ?? '';
  let exported = '';
  let restored = '';
  await withoutStorage(async () => {
    const selection = { type: 'ids', ids: ['u-3', 'u-4'] };
    const one = await admin.succeed<{ id: string }>('POST', '/v1/exports', { selection });
    exported = (await admin.finish(one.id)).id;
    const two = await admin.succeed<{ id: string }>('POST', `/v1/backups/${backup}/restores`, {
      ids: ['u-1'],
    });
    restored = (await admin.finish(two.id)).id;
  });
  expect(await retryable(admin, 'others')).toEqual([restored, exported]);
  expect(await retry(admin, admin, exported)).toMatchObject({ counts: { exported: 2 } });
  expect(await retry(admin, admin, restored)).toMatchObject({
    counts: { restored: 1, selected: 1 },
  });
  expect(await idsOf('others')).not.toContain('u-2');
  expect(await retryable(admin, 'others')).toEqual([]);
});

test('a deletion whose selection has changed needs another preview, and cannot be retried', async () => {
  const admin = await stack().workspace('widened');
  await insertUsers('widened', 10);
  const preview = await admin.succeed<{ id: string; count: number }>(
    'POST',
    '/v1/deletion-previews',
    { selection: inIndia },
  );
  await stack().sql(`UPDATE users SET country = 'IN' WHERE workspace_id = 'widened'`);
  const body = { previewId: preview.id, confirm: { count: preview.count }, reason: 'test' };
  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', body);
  expect(await admin.finish(id)).toMatchObject({
    error: { type: 'selectionChanged', data: { confirmed: preview.count, found: 10 } },
  });
  expect(await retryable(admin, 'widened')).toEqual([]);
  expect((await admin.call('POST', `/v1/jobs/${id}/retry`)).status).toBe(409);
});
