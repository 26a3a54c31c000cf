import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decompress } from '@cloudpss/zstd/napi';
import { expect, test } from 'vitest';
import { partKey } from '../../../files/part-key.ts';
import { compressFrame } from '../../../files/zstd.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  useDeletionSteps,
  inIndia,
  seedWorkspace,
  startDeletion,
} from '../../support/steps/deletion.ts';

/** Files that differ from what was written. */

const database = useDatabase();
const steps = useDeletionSteps(database);

test.each([
  ['with a bit turned', (file: Buffer) => file.fill(file.readUInt8(30) ^ 1, 30, 31)],
  ['cut short', (file: Buffer) => file.subarray(0, -9)],
  [
    'with another value of the same length',
    (file: Buffer) =>
      compressFrame(Buffer.from(Buffer.from(decompress(file)).toString().replace('u-4', 'u-6'))),
  ],
])(
  'a part that is stored %s is detected when it is read back, and its backup does not count',
  async (name, spoil) => {
    const id = `spoilt-${name.replaceAll(' ', '-').slice(0, 12)}`;
    const workspace = await seedWorkspace(database(), id, 10);
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
    await steps.enter(jobId, 'backingUp');
    const { storage } = steps.deps;
    const { put } = storage;
    storage.put = async (key, content) => {
      await put(key, content);
      if (!key.includes('000001')) return;
      const file = join(steps.storageDir, key);
      await writeFile(file, spoil(await readFile(file)));
    };
    try {
      await expect(steps.write(jobId)).rejects.toMatchObject({ type: 'backupDamaged' });
    } finally {
      storage.put = put;
    }
    const { rows } = await database().owner.pool.query<{ id: string; state: string }>(
      'SELECT id, state FROM exports WHERE job_id = $1',
      [jobId],
    );
    expect(rows).toMatchObject([{ state: 'writing' }]);
    await expect(steps.verify(rows[0]!.id)).rejects.toMatchObject({ type: 'exportUnknown' });
    expect(await steps.remove(jobId, rows[0]!.id)).toEqual({ deleted: 0 });
    expect(await countOf(database(), id)).toBe(10);
  },
);

test('a part that is damaged after verification is detected before its users are deleted', async () => {
  const workspace = await seedWorkspace(database(), 'damaged', 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  const file = join(
    steps.storageDir,
    partKey({ exportId, attempt: 1, part: 1, compression: 'zstd' }),
  );
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(30) ^ 1, 30);
  await writeFile(file, bytes);
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({ type: 'backupDamaged' });
  expect(await countOf(database(), 'damaged')).toBe(10);
});

test('if the last part is damaged, no user of any part is deleted', async () => {
  const workspace = await seedWorkspace(database(), 'last-part', 50_010);
  const ids = Array.from({ length: 50_010 }, (_, index) => `u-${index + 1}`);
  const jobId = await startDeletion(database(), workspace, { ids });
  await database().owner.pool.query(
    `INSERT INTO users (workspace_id, user_id, created_at)
     SELECT 'last-part', 'other-' || n, now() - interval '1 year' FROM generate_series(1, 10000) n`,
  );
  const { exportId } = await steps.backUp(jobId);
  const key = partKey({ exportId, attempt: 1, part: 2, compression: 'zstd' });
  await writeFile(join(steps.storageDir, key), 'something else');
  await expect(steps.remove(jobId, exportId)).rejects.toMatchObject({
    type: 'backupDamaged',
    message: expect.stringContaining('Part 2'),
  });
  expect(await countOf(database(), 'last-part')).toBe(60_010);
});
