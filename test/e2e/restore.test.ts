import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decompress } from '@cloudpss/zstd/napi';
import { expect, test } from 'vitest';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { partKey } from '../../files/part-key.ts';
import { compressFrame } from '../../files/zstd.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const stack = useOwnStack();

const COUNT = 130_000;

const nasty = `jsonb_build_object('n', n, 'big', 12345678901234567890123::numeric,
  'text', E'a"b\\n,c\\u0001', 'empty', '', 'list', '["a", "=1"]'::jsonb)`;

const insertUsers = (workspaceId: string, count: number) =>
  stack().sql(
    `INSERT INTO users (workspace_id, user_id, country, first_name, last_name, dob, tags, properties, created_at)
     SELECT $1, 'u-' || n, CASE WHEN n % 5 = 0 THEN 'DE' ELSE 'IN' END, E'Zoë "Z"\\r\\n' || n, '',
            CASE WHEN n % 7 = 0 THEN 'infinity'::date END, ARRAY['a,b', '🎈'], ${nasty},
            now() - n * interval '1.000001 s'
       FROM generate_series(1, $2::int) n`,
    [workspaceId, count],
  );

/** Every user as PostgreSQL writes them, without the stamps, which must change. */
const rowsOf = async (workspaceId: string): Promise<Map<string, string>> => {
  const rows = await stack().sql<{ id: string; text: string }>(
    `SELECT user_id AS id, (to_jsonb(u) - 'written_in' - 'inserted_in')::text AS text
       FROM users u WHERE workspace_id = $1`,
    [workspaceId],
  );
  return new Map(rows.map(({ id, text }) => [id, text]));
};

/** The first ids whose users differ. Quicker than `toEqual`, which needs seconds for so many. */
const differing = (before: Map<string, string>, after: Map<string, string>): string[] =>
  [...new Set([...before.keys(), ...after.keys()])]
    .filter((id) => before.get(id) !== after.get(id))
    .slice(0, 5);

const inIndia = { type: 'filter', filter: { field: 'country', op: 'is', value: 'IN' } };

const deleteSelection = async (admin: ApiClient, selection: unknown): Promise<Job> => {
  const preview = await admin.succeed<{ id: string; count: number }>(
    'POST',
    '/v1/deletion-previews',
    { selection },
  );
  const body = { previewId: preview.id, confirm: { count: preview.count }, reason: 'test' };
  const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', body);
  return admin.finish(id);
};

const restore = async (admin: ApiClient, backupId: string, body: object = {}): Promise<Job> => {
  const { id } = await admin.succeed<{ id: string }>(
    'POST',
    `/v1/backups/${backupId}/restores`,
    body,
  );
  return admin.finish(id);
};

const backupOf = (job: Job): string => job.result?.backups?.[0]?.id ?? '';

test('deleted users are restored byte for byte, once, and a mail reports it', async () => {
  const admin = await stack().workspace('whole');
  await insertUsers('whole', COUNT);
  const before = await rowsOf('whole');
  const deletion = await deleteSelection(admin, inIndia);
  expect(deletion.counts).toMatchObject({ deleted: (COUNT * 4) / 5 });
  const backupId = backupOf(deletion);
  const preview = await admin.succeed('POST', `/v1/backups/${backupId}/restore-previews`, {});
  expect(preview).toEqual({ restorable: (COUNT * 4) / 5, present: 0, notFound: 0 });

  const job = await restore(admin, backupId, { reason: 'a mistake' });
  const selected = (COUNT * 4) / 5;
  const counts = {
    selected,
    restored: selected,
    present: 0,
    notFound: 0,
    failed: 0,
    unprocessed: 0,
  };
  expect(job).toMatchObject({ state: 'succeeded', counts, result: { backupId } });
  expect(differing(before, await rowsOf('whole'))).toEqual([]);
  const mail = (await stack().mails()).find((one) => one.text?.includes(job.id));
  expect(mail?.subject).toContain('104,000 users restored');

  const again = await restore(admin, backupId);
  expect(again.counts).toMatchObject({ selected, restored: 0, present: selected });
  expect(differing(before, await rowsOf('whole'))).toEqual([]);
  const log = await admin.download(`/v1/restores/${again.id}/log`);
  expect(log.toString().trimEnd().split('\n')).toHaveLength(selected + 1);
});

test('a restore of chosen users leaves existing users unchanged, and does not find users that were not deleted', async () => {
  const admin = await stack().workspace('chosen');
  await insertUsers('chosen', 10);
  const before = await rowsOf('chosen');
  const deletion = await deleteSelection(admin, { type: 'ids', ids: ['u-1', 'u-2', 'u-3'] });
  await admin.succeed('POST', '/v1/users', { userId: 'u-2', firstName: 'Newer' });
  const ids = ['u-1', 'u-2', 'u-9'];
  const path = `/v1/backups/${backupOf(deletion)}`;
  expect(await admin.succeed('POST', `${path}/restore-previews`, { ids })).toEqual({
    restorable: 1,
    present: 1,
    notFound: 1,
    notFoundSample: ['u-9'],
  });
  const job = await restore(admin, backupOf(deletion), { ids });
  expect(job).toMatchObject({
    state: 'succeeded',
    counts: { selected: 3, restored: 1, present: 1, notFound: 1, failed: 0, unprocessed: 0 },
  });
  const records = await admin.succeed<{ data: unknown[] }>('GET', `/v1/restores/${job.id}/records`);
  expect(records.data).toEqual([
    { userId: 'u-1', outcome: 'restored', reason: null },
    { userId: 'u-2', outcome: 'present', reason: null },
    { userId: 'u-9', outcome: 'notFound', reason: null },
  ]);
  const after = await rowsOf('chosen');
  expect(after.get('u-1')).toBe(before.get('u-1'));
  expect(after.get('u-2')).toContain('Newer');
  expect(after.has('u-3')).toBe(false);
});

test('a damaged part is detected before a row is written, and named; other users can be restored', async () => {
  const admin = await stack().workspace('damaged');
  await insertUsers('damaged', COUNT);
  const deletion = await deleteSelection(admin, inIndia);
  const exportId = backupOf(deletion);
  const key = partKey({ exportId, attempt: 1, part: 2, compression: 'zstd' });
  const file = join(stack().dataDir, 'files', key);
  const bytes = await readFile(file);
  const broken = Buffer.from(bytes);
  broken.writeUInt8(broken.readUInt8(1_000) ^ 1, 1_000);
  await writeFile(file, broken);
  const left = (await rowsOf('damaged')).size;
  const failed = await restore(admin, exportId);
  expect(failed).toMatchObject({
    state: 'failed',
    error: { type: 'backupDamaged', message: expect.stringContaining('Part 2') },
    counts: { restored: 0, unprocessed: (COUNT * 4) / 5 },
  });
  expect((await rowsOf('damaged')).size).toBe(left);
  const [first] = await stack().sql<{ id: string }>(
    `SELECT deleted_ids[1] AS id FROM deletion_batches WHERE export_id = $1 AND part = 1 LIMIT 1`,
    [exportId],
  );
  const chosen = await restore(admin, exportId, { ids: [first?.id] });
  expect(chosen.counts).toMatchObject({ selected: 1, restored: 1 });
  await writeFile(file, bytes);
  expect((await restore(admin, exportId)).counts).toMatchObject({
    restored: (COUNT * 4) / 5 - 1,
    present: 1,
  });
});

test('a restore does not depend on the order of names in the header file', async () => {
  const admin = await stack().workspace('swapped');
  await insertUsers('swapped', 10);
  const before = await rowsOf('swapped');
  const deletion = await deleteSelection(admin, { type: 'ids', ids: ['u-1'] });
  const exportId = backupOf(deletion);
  const key = partKey({ exportId, attempt: 1, part: 0, compression: 'zstd' });
  const file = join(stack().dataDir, 'files', key);
  const bytes = await readFile(file);
  const header = Buffer.from(decompress(bytes)).toString();
  const swapped = header.replace('first_name,last_name', 'last_name,first_name');
  expect(swapped).not.toBe(header);
  await writeFile(file, compressFrame(Buffer.from(swapped)));
  expect((await restore(admin, exportId)).counts).toMatchObject({ restored: 1 });
  expect(await rowsOf('swapped')).toEqual(before);
});

test('a user that cannot be restored is reported with the reason, and a retry restores only this user', async () => {
  const admin = await stack().workspace('refusing');
  await insertUsers('refusing', 20);
  const before = await rowsOf('refusing');
  const deletion = await deleteSelection(admin, inIndia);
  await stack().sql(`ALTER TABLE users ADD COLUMN plan text NOT NULL DEFAULT 'free'`);
  await stack().sql(`ALTER TABLE users_refusing ADD CONSTRAINT not_seven CHECK (user_id <> 'u-7')`);
  const job = await restore(admin, backupOf(deletion));
  expect(job).toMatchObject({
    state: 'partiallySucceeded',
    counts: { selected: 16, restored: 15, present: 0, notFound: 0, failed: 1, unprocessed: 0 },
  });
  const records = await admin.succeed<{ data: unknown[] }>(
    'GET',
    `/v1/restores/${job.id}/records?outcome=failed`,
  );
  expect(records.data).toEqual([
    { userId: 'u-7', outcome: 'failed', reason: 'constraint not_seven' },
  ]);
  const mail = (await stack().mails()).find((one) => one.text?.includes(job.id));
  expect(mail?.text).toContain('The database rejected 1 user');

  await stack().sql('ALTER TABLE users_refusing DROP CONSTRAINT not_seven');
  const { id } = await admin.succeed<{ id: string }>('POST', `/v1/jobs/${job.id}/retry`);
  expect(await admin.finish(id)).toMatchObject({
    state: 'succeeded',
    retryOf: job.id,
    counts: { selected: 1, restored: 1, present: 0 },
  });
  await stack().sql('ALTER TABLE users DROP COLUMN plan');
  expect(await rowsOf('refusing')).toEqual(before);
});

test('requests are refused for another workspace, an empty list, a running deletion and unknown fields', async () => {
  const admin = await stack().workspace('refused');
  const other = await stack().workspace('elsewhere');
  await insertUsers('refused', 10);
  const deletion = await deleteSelection(admin, { type: 'ids', ids: ['u-1'] });
  const path = `/v1/backups/${backupOf(deletion)}`;
  const statusOf = async (client: ApiClient, route: string, body: unknown) =>
    (await client.call('POST', `${path}/${route}`, body)).status;
  for (const route of ['restores', 'restore-previews']) {
    expect(await statusOf(other, route, {})).toBe(404);
    expect(await statusOf(await stack().asRole('ops'), route, {})).toBe(403);
    for (const body of [{ ids: [] }, { ids: null }, { id: ['u-1'] }, []]) {
      expect(await statusOf(admin, route, body)).toBe(400);
    }
  }
  await stack().sql(`UPDATE jobs SET finished_at = NULL WHERE id = $1`, [deletion.id]);
  expect(await statusOf(admin, 'restores', {})).toBe(409);
  await stack().sql(`UPDATE jobs SET finished_at = now() WHERE id = $1`, [deletion.id]);
  await stack().sql(`UPDATE exports SET expires_at = now() WHERE job_id = $1`, [deletion.id]);
  expect(await statusOf(admin, 'restores', {})).toBe(410);
});
