import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { createDirectoryStorage } from '../../../storage/directory.ts';

const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' });

const canMount = (() => {
  try {
    run('unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', tmpdir());
    return true;
  } catch {
    return false;
  }
})();

/** The mounted disk has room for its own folder only, or is read-only. */
const DISKS = [
  ['read-only', 'ro', 'unwritable'],
  ['full, without room for a folder', 'nr_inodes=1', 'full'],
] as const;

test.skipIf(!canMount).each(DISKS)(
  'a disk that is %s is recognised, although no folder can be created on it',
  async (_what, options, problem) => {
    const folder = mkdtempSync(join(tmpdir(), 'keepsake-disk-'));
    run('mount', '-t', 'tmpfs', '-o', options, 'none', folder);
    try {
      for (const root of [folder, join(folder, 'files')]) {
        const storage = createDirectoryStorage(root);
        const put = storage.put('exports/1/2/file', Readable.from([Buffer.from('x')]));
        await expect(put).rejects.toMatchObject({ name: 'StorageError', problem });
        await expect(storage.check()).rejects.toMatchObject({ name: 'StorageError', problem });
      }
    } finally {
      run('umount', folder);
      rmSync(folder, { recursive: true });
    }
  },
);

test('a file in the place of a folder is recognised, and an existing folder is not an error', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-disk-'));
  const storage = createDirectoryStorage(folder);
  await storage.put('a/b', Readable.from([Buffer.from('x')]));
  await storage.check();
  expect(await storage.freeBytes()).toBeGreaterThan(0);
  expect(await storage.list('')).toEqual(['a/b']);
  const put = storage.put('a/b/c', Readable.from([Buffer.from('x')]));
  await expect(put).rejects.toMatchObject({ problem: 'unwritable' });
  rmSync(folder, { recursive: true });
});
