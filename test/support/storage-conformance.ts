import { buffer } from 'node:stream/consumers';
import { PassThrough, Readable } from 'node:stream';
import { expect } from 'vitest';
import { type ByteRange, type Storage, StorageError } from '../../storage/storage.ts';

/**
 * What each driver of the port {@link Storage} must do, as cases for an empty storage. A new driver
 * is done when each case passes: see test/unit/storage/directory.test.ts.
 */
export const STORAGE_CASES: Record<string, (storage: Storage) => Promise<void>> = {
  'a file is read back as it was put, whatever its size': async (storage) => {
    for (const content of [Buffer.alloc(0), Buffer.from([0]), LARGE]) {
      await put(storage, 'exports/1/part', content);
      expect((await read(storage, 'exports/1/part')).equals(content)).toBe(true);
    }
  },

  'a range has its first and its last byte': async (storage) => {
    await put(storage, 'file', Buffer.from('0123456789'));
    for (const [start, end, expected] of [
      [0, 0, '0'],
      [3, 5, '345'],
      [9, 9, '9'],
      [0, 9, '0123456789'],
    ] as const) {
      expect(String(await read(storage, 'file', { start, end }))).toBe(expected);
    }
  },

  'a later put replaces the file': async (storage) => {
    await put(storage, 'file', Buffer.from('a longer first text'));
    await put(storage, 'file', Buffer.from('second'));
    expect(String(await read(storage, 'file'))).toBe('second');
    expect(await storage.list('')).toEqual(['file']);
  },

  'a file is not there before its last byte': async (storage) => {
    const content = new PassThrough();
    const stored = storage.put('exports/1/part', content);
    content.write(LARGE);
    await expectMissing(storage, 'exports/1/part');
    content.end('end');
    await stored;
    expect(await read(storage, 'exports/1/part')).toHaveLength(LARGE.length + 3);
  },

  'a put whose content fails throws that error and leaves no file': async (storage) => {
    const cause = new Error('the source failed');
    const content = Readable.from(
      (async function* () {
        yield LARGE;
        throw cause;
      })(),
    );
    await expect(storage.put('exports/1/part', content)).rejects.toBe(cause);
    await expectMissing(storage, 'exports/1/part');
    expect(await storage.list('')).toEqual([]);
  },

  'a put that fails leaves the former file as it was': async (storage) => {
    await put(storage, 'file', Buffer.from('first'));
    const content = new PassThrough();
    content.write('sec');
    const stored = storage.put('file', content);
    content.destroy(new Error('the source failed'));
    await expect(stored).rejects.toThrow('the source failed');
    expect(String(await read(storage, 'file'))).toBe('first');
  },

  'a file that is not there is missing, with its key in the error': async (storage) => {
    await expectMissing(storage, 'exports/1/part');
    await put(storage, 'exports/1/part', Buffer.from('x'));
    await expectMissing(storage, 'exports/1/part2');
  },

  'the list of a prefix is sorted and has no file of a longer name': async (storage) => {
    for (const key of ['e/1/b', 'e/1/a', 'e/1/c/d', 'e/10/a', 'e/2/a']) {
      await put(storage, key, Buffer.from(key));
    }
    expect(await storage.list('e/1')).toEqual(['e/1/a', 'e/1/b', 'e/1/c/d']);
    expect(await storage.list('e')).toEqual(['e/1/a', 'e/1/b', 'e/1/c/d', 'e/10/a', 'e/2/a']);
    expect(await storage.list('e/3')).toEqual([]);
  },

  'remove deletes the files below a prefix, and no file of a longer name': async (storage) => {
    for (const key of ['e/1/a', 'e/1/b/c', 'e/10/a', 'e/2/a']) {
      await put(storage, key, Buffer.from(key));
    }
    await storage.remove('e/1');
    expect(await storage.list('')).toEqual(['e/10/a', 'e/2/a']);
    await expectMissing(storage, 'e/1/a');
    await storage.remove('e/1');
    await storage.remove('e/2/a');
    expect(await storage.list('')).toEqual(['e/10/a']);
  },

  'a key outside the storage is refused by each function': async (storage) => {
    for (const key of ['../outside', 'e/../../outside']) {
      await expect(put(storage, key, Buffer.from('x'))).rejects.toThrow(key);
      await expect(storage.get(key)).rejects.toThrow(key);
      await expect(storage.list(key)).rejects.toThrow(key);
      await expect(storage.remove(key)).rejects.toThrow(key);
    }
    expect(await storage.list('')).toEqual([]);
  },

  'puts at the same time do not disturb each other': async (storage) => {
    const keys = Array.from({ length: 20 }, (_, index) => `e/${index % 3}/${index}`);
    await Promise.all(keys.map((key) => put(storage, key, Buffer.from(key))));
    for (const key of keys) expect(String(await read(storage, key))).toBe(key);
    expect(await storage.list('e')).toEqual(keys.toSorted());
  },

  'the check passes and leaves no file': async (storage) => {
    await storage.check();
    expect(await storage.list('')).toEqual([]);
    const free = await storage.freeBytes();
    expect(free === undefined || free > 0).toBe(true);
  },
};

/** More than one chunk of any stream, and each byte value. */
const LARGE = Buffer.from(Array.from({ length: 3_000_001 }, (_, index) => index % 251));

const put = (storage: Storage, key: string, content: Buffer): Promise<void> =>
  storage.put(key, Readable.from(content.length === 0 ? [] : [content]));

const read = async (storage: Storage, key: string, range?: ByteRange): Promise<Buffer> =>
  buffer(await storage.get(key, range));

const expectMissing = async (storage: Storage, key: string): Promise<void> => {
  const error: unknown = await storage.get(key).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(StorageError);
  expect(error).toMatchObject({ problem: 'missing', message: expect.stringContaining(key) });
};
