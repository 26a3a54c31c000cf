import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { createScrubBackups } from '../../../activities/expiry/scrub-backups.ts';
import { partKey } from '../../../files/part-key.ts';
import { StorageError } from '../../../storage/storage.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedWorkspace, useDeletionSteps } from '../../support/steps/deletion.ts';
import { deleteUsers, restoreUsers } from '../../support/steps/restore.ts';

/** Damage to a backup is detected before a restore needs it, while other copies exist. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const query = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await database().owner.pool.query<Row>(text, values)).rows;

const reported: object[] = [];
beforeEach(() => void reported.splice(0));

const scrub = () =>
  createScrubBackups(steps.deps, (damage) => reported.push(damage))(
    undefined,
    new AbortController().signal,
  );

let made = 0;

/** A backup whose last scrub was this many hours ago. */
const prepare = async (hours: number) => {
  const workspace = await seedWorkspace(database(), `scrub${made++}`, 4);
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await query(
    `UPDATE exports SET verified_at = now() - make_interval(hours => $2::int) WHERE id = $1`,
    [exportId, hours],
  );
  const key = partKey({ exportId, attempt: 1, part: 1, compression: 'zstd' });
  return { workspace, exportId, file: join(steps.storageDir, key) };
};

const stateOf = async (exportId: string) =>
  (await query<{ state: string }>('SELECT state FROM exports WHERE id = $1', [exportId]))[0]?.state;

const linesOf = (exportId: string) =>
  query<{ kind: string; details: Record<string, unknown> }>(
    `SELECT kind, details FROM activity WHERE export_id = $1 AND kind LIKE 'backup%' ORDER BY at`,
    [exportId],
  );

test.each([
  ['lost', (file: string) => rename(file, `${file}.saved`), 'file'],
  ['cut short', async (file: string) => cut(file, -1), 'bytes'],
  ['of the same length with a bit turned', async (file: string) => turn(file), 'sha256'],
])(
  'a part that is %s is reported until it is whole, and once in the activity log',
  async (...given) => {
    const [, spoil, figure] = given;
    const { workspace, exportId, file } = await prepare(25);
    const bytes = await readFile(file);
    await spoil(file);
    expect(await scrub()).toMatchObject({ damaged: 1, repaired: 0 });
    expect(reported).toEqual([{ exportId, part: 1, figure }]);
    expect(await stateOf(exportId)).toBe('damaged');
    expect(await scrub()).toMatchObject({ damaged: 1 });
    expect(await linesOf(exportId)).toMatchObject([
      { kind: 'backupDamaged', details: { part: 1, figure } },
    ]);

    await writeFile(file, bytes);
    expect(await scrub()).toMatchObject({ damaged: 0, repaired: 1 });
    expect(await stateOf(exportId)).toBe('verified');
    expect((await linesOf(exportId)).map(({ kind }) => kind)).toEqual([
      'backupDamaged',
      'backupRepaired',
    ]);
    expect(await restoreUsers(database(), steps, workspace, exportId)).toMatchObject({
      counts: { restored: 2 },
    });
  },
);

const cut = async (file: string, end: number) =>
  writeFile(file, (await readFile(file)).subarray(0, end));

const turn = async (file: string) => {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(30) ^ 1, 30);
  await writeFile(file, bytes);
};

test('an undamaged backup is scrubbed once a day', async () => {
  await prepare(23);
  const { exportId } = await prepare(25);
  expect(await scrub()).toEqual({ whole: 1, damaged: 0, repaired: 0 });
  expect(await scrub()).toEqual({ whole: 0, damaged: 0, repaired: 0 });
  const [row] = await query<{ scrubbed_at: Date | null }>(
    'SELECT scrubbed_at FROM exports WHERE id = $1',
    [exportId],
  );
  expect(row?.scrubbed_at).toBeInstanceOf(Date);
  expect(reported).toEqual([]);
});

test('storage that does not answer marks no backup as damaged, and does not prevent another scrub', async () => {
  const away = await prepare(30);
  await prepare(30);
  const { get } = steps.deps.storage;
  steps.deps.storage.get = async (key, range) => {
    if (key.includes(away.exportId)) throw new StorageError(key, { code: 'EIO' });
    return get(key, range);
  };
  try {
    await expect(scrub()).rejects.toMatchObject({ problem: 'broken' });
  } finally {
    steps.deps.storage.get = get;
  }
  expect(await stateOf(away.exportId)).toBe('verified');
  expect(await scrub()).toEqual({ whole: 1, damaged: 0, repaired: 0 });
});

test('a removed backup is neither scrubbed nor marked as damaged', async () => {
  const { exportId, file } = await prepare(30);
  await query(`UPDATE exports SET state = 'removed', removed_at = now() WHERE id = $1`, [exportId]);
  await rm(file);
  expect(await scrub()).toEqual({ whole: 0, damaged: 0, repaired: 0 });
  expect(await stateOf(exportId)).toBe('removed');
});
