import { Readable } from 'node:stream';
import { beforeAll, expect, test } from 'vitest';
import { UUID, uuidv7, uuidv7obj } from 'uuidv7';
import { createDestroyExpired } from '../../../activities/expiry/destroy-expired.ts';
import { findJobRow, insertJob } from '../../../db/jobs/jobs.ts';
import { sumImport } from '../../../db/imports/imports.ts';
import { importKey } from '../../../files/import-key.ts';
import { useDatabase } from '../../support/database/database.ts';
import { type SeededWorkspace, seedWorkspace } from '../../support/steps/deletion.ts';
import { useImportSteps, UPDATE } from '../../support/steps/import.ts';
import { tablesHolding } from '../../support/database/traces.ts';

const database = useDatabase();
const steps = useImportSteps(database);
let workspace: SeededWorkspace;

beforeAll(async () => {
  workspace = await seedWorkspace(database(), 'expiring', 0);
});

const asRows = async <Row extends object>(text: string, values: unknown[] = []) =>
  (await database().owner.pool.query<Row>(text, values)).rows;

const destroy = () => createDestroyExpired(steps.deps)(undefined, new AbortController().signal);

const fileIdOf = async (jobId: string): Promise<string> => {
  const [row] = await asRows<{ import_file_id: string }>(
    'SELECT import_file_id FROM jobs WHERE id = $1',
    [jobId],
  );
  return row!.import_file_id;
};

const age = (fileId: string) =>
  asRows(`UPDATE import_files SET expires_at = now() - interval '1 minute' WHERE id = $1`, [
    fileId,
  ]);

const stored = () => steps.deps.storage.list('imports');

const FAILING = 'userId,dob\nfine,\ncanary-id,canary-date\n';

const retryOf = (jobId: string, fileId: string) => {
  const id = uuidv7();
  const isWritten = insertJob(database().app.db, {
    id,
    workspaceId: workspace.workspaceId,
    type: 'import',
    selection: { type: 'file' },
    options: UPDATE,
    actorKeyId: workspace.keyId,
    importFile: { id: fileId },
    retry: { of: jobId, users: 'all' },
  });
  return isWritten.then(() => id);
};

test('the failed lines of an import are erased with its expired file; counts, size and checksum stay', async () => {
  const { jobId, counts } = await steps.run(workspace, FAILING);
  const fileId = await fileIdOf(jobId);
  await asRows(`DELETE FROM users WHERE workspace_id = 'expiring'`);
  expect(await tablesHolding(asRows, ['canary'])).toEqual(['import_failures']);
  expect(await destroy()).toMatchObject({ removed: 0, destroyed: 0 });

  await age(fileId);
  expect(await destroy()).toMatchObject({ removed: 1, destroyed: 1 });
  expect(await stored()).toEqual([]);
  expect(await tablesHolding(asRows, ['canary'])).toEqual([]);
  expect((await sumImport(database().app.db, jobId)).counts).toEqual(counts);
  const job = await findJobRow(database().app.db, jobId, 'expiring');
  expect(job).toMatchObject({ counts, selection: { type: 'file', erased: true } });
  expect(job?.erased_at).toBeInstanceOf(Date);
  const lines = await asRows(
    `SELECT job_id, actor_key_id, counts, details->>'sha256' AS sha256 FROM activity
      WHERE kind = 'importFileExpired'`,
  );
  const [file] = await asRows<{ bytes: number; sha256: string }>(
    'SELECT bytes, sha256 FROM import_files WHERE id = $1 AND destroyed_at IS NOT NULL',
    [fileId],
  );
  const proof = { counts: { bytes: file!.bytes }, sha256: file!.sha256 };
  expect(lines).toEqual([{ job_id: jobId, actor_key_id: null, ...proof }]);
  expect(await destroy()).toMatchObject({ removed: 0, destroyed: 0 });
});

test('a file that an unfinished job reads is kept, and is removed after the end of the job', async () => {
  const first = await steps.start(workspace, FAILING);
  const fileId = await fileIdOf(first);
  await steps.check(first);
  await steps.finish(first, { kind: 'failed', type: 'brokenOff', message: '' });
  const second = await retryOf(first, fileId);
  await age(fileId);
  expect(await destroy()).toMatchObject({ removed: 0 });
  expect(await stored()).toEqual([importKey(fileId)]);
  await asRows(`UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE id = $1`, [second]);
  expect(await destroy()).toMatchObject({ removed: 1, destroyed: 1 });
  expect(await stored()).toEqual([]);
  expect(await tablesHolding(asRows, ['canary'])).toEqual([]);
});

test('an import may be retried with the same file until the file is removed', async () => {
  const first = await steps.start(workspace, FAILING);
  const fileId = await fileIdOf(first);
  await steps.finish(first, { kind: 'cancelled' });
  const isRetryable = async () => (await findJobRow(database().app.db, first, null))?.is_retryable;
  expect(await isRetryable()).toBe(true);
  await asRows('UPDATE import_files SET removed_at = now() WHERE id = $1', [fileId]);
  expect(await isRetryable()).toBe(false);
  await expect(retryOf(first, fileId)).rejects.toMatchObject({ code: 'KS006' });
});

test.each(['everyLineFailed', 'invalidCsv', 'notUtf8', 'tooManyRows'])(
  'an import that failed with %s cannot be retried, because the same file would fail again',
  async (type) => {
    const jobId = await steps.start(workspace, FAILING);
    await steps.finish(jobId, { kind: 'failed', type, message: '' });
    expect(await findJobRow(database().app.db, jobId, null)).toMatchObject({ is_retryable: false });
  },
);

test('the eraser refuses a file that is not removed, or that a job still reads', async () => {
  const jobId = await steps.start(workspace, FAILING);
  const fileId = await fileIdOf(jobId);
  const erase = () => database().app.pool.query('SELECT erase_import_file($1)', [fileId]);
  await expect(erase()).rejects.toMatchObject({ code: 'KS007' });
  await asRows('UPDATE import_files SET removed_at = now() WHERE id = $1', [fileId]);
  await expect(erase()).rejects.toMatchObject({ code: 'KS007' });
  await expect(database().app.pool.query('DELETE FROM import_failures')).rejects.toMatchObject({
    code: '42501',
  });
  await steps.finish(jobId, { kind: 'cancelled' });
});

/** An id made this many hours ago. */
const idFrom = (hoursAgo: number): string => {
  const bytes = Uint8Array.from(uuidv7obj().bytes);
  Buffer.from(bytes.buffer).writeUIntBE(Date.now() - hoursAgo * 3_600_000, 0, 6);
  return UUID.ofInner(bytes).toString();
};

const put = (key: string) => steps.deps.storage.put(key, Readable.from([Buffer.from('userId\n')]));

test('uploads without a job, complete or partial, are swept after two days; other files stay', async () => {
  await Promise.all((await stored()).map((key) => steps.deps.storage.remove(key)));
  const lost = idFrom(49);
  const half = idFrom(50);
  const young = importKey(idFrom(47));
  for (const key of [importKey(lost), `imports/${half}/file.x.partial`, young]) await put(key);
  await put('imports/no-id/file');
  expect(await destroy()).toMatchObject({ leftovers: 2 });
  expect(await stored()).toEqual([young, 'imports/no-id/file'].toSorted());
});

test('an old upload with a job is not swept', async () => {
  const fileId = idFrom(60);
  await put(importKey(fileId));
  await insertJob(database().app.db, {
    id: uuidv7(),
    workspaceId: workspace.workspaceId,
    type: 'import',
    selection: { type: 'file' },
    options: UPDATE,
    actorKeyId: workspace.keyId,
    importFile: { id: fileId, facts: { bytes: 7, sha256: '' } },
  });
  await destroy();
  expect(await stored()).toContain(importKey(fileId));
});

const insertUnderKey = (fileId: string) =>
  insertJob(database().app.db, {
    id: uuidv7(),
    workspaceId: workspace.workspaceId,
    type: 'import',
    selection: { type: 'file' },
    options: UPDATE,
    actorKeyId: workspace.keyId,
    idempotency: { key: 'the same', requestHash: 'hash' },
    importFile: { id: fileId, facts: { bytes: 7, sha256: '' } },
  });

test('of two jobs with one idempotency key, the second writes neither its row nor that of its file', async () => {
  const ids = [uuidv7(), uuidv7()];
  expect((await Promise.all(ids.map(insertUnderKey))).filter(Boolean)).toHaveLength(1);
  expect(await asRows('SELECT id FROM import_files WHERE id = ANY ($1)', [ids])).toHaveLength(1);
});
