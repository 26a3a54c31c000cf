import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import { type Storage, StorageError } from '../../../storage/storage.ts';
import { STORAGE_CASES } from '../../support/storage-conformance.ts';

const openStorage = async (): Promise<Storage> => {
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-storage-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return createDirectoryStorage(join(folder, 'files'));
};

test.for(Object.entries(STORAGE_CASES))('%s', async ([, run]) => {
  await expect(run(await openStorage())).resolves.toBeUndefined();
});

/** Faults that a driver may have. Each is found by one of the cases at least. */
const FAULTS: Record<string, (storage: Storage) => Partial<Storage>> = {
  'takes a prefix for the beginning of a key': ({ list }) => ({
    list: async (prefix) => (await list('')).filter((key) => key.startsWith(prefix)),
  }),
  'lists in no order': ({ list }) => ({
    list: async (prefix) => (await list(prefix)).toReversed(),
  }),
  'takes the end of a range for exclusive': ({ get }) => ({
    get: (key, range) => get(key, range && { ...range, end: Math.max(range.end - 1, range.start) }),
  }),
  'stores a part of a file whose content fails': ({ put }) => ({
    put: async (key, content) => {
      const copy = new PassThrough();
      let cause: unknown;
      content.on('error', (error) => {
        cause = error;
        copy.end();
      });
      await put(key, content.pipe(copy));
      if (cause !== undefined) throw cause;
    },
  }),
  'reports a missing file as another problem': ({ get }) => ({
    get: (key, range) =>
      get(key, range).catch((cause: unknown) => {
        throw new StorageError(key, cause, 'broken');
      }),
  }),
  'keeps the file of its check': ({ put }) => ({
    check: () => put('check', new PassThrough().end('x')),
  }),
  'fails to remove a prefix without files': ({ remove, list }) => ({
    remove: async (prefix) => {
      if ((await list(prefix)).length === 0) throw new StorageError(prefix, new Error('no files'));
      await remove(prefix);
    },
  }),
};

test.for(Object.entries(FAULTS))('the cases find a driver that %s', async ([, faultOf]) => {
  const results = await Promise.allSettled(
    Object.values(STORAGE_CASES).map(async (run) => {
      const storage = await openStorage();
      await run({ ...storage, ...faultOf(storage) });
    }),
  );
  expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
});
