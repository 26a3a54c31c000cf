import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { uuidv7 } from 'uuidv7';
import { createRoomLook } from './folder-room.ts';
import { makeFolder } from './make-folder.ts';
import { putError, StorageError, type ByteRange, type Storage } from './storage.ts';

const READ_CHUNK_BYTES = 256 * 1024;

/** A storage that keeps files in a folder, readable by this user only. */
export const createDirectoryStorage = (root: string): Storage => {
  const base = resolve(root);
  const pathOf = (key: string): string => {
    const path = resolve(base, key);
    if (path !== base && !path.startsWith(base + sep)) throw new Error(`no such key: ${key}`);
    return path;
  };

  const put = async (key: string, content: Readable): Promise<void> => {
    const path = pathOf(key);
    const partial = `${path}.${uuidv7()}.partial`;
    let written = partial;
    // An error of the content before the pipeline listens would end the process. The pipeline
    // throws it later.
    content.on('error', () => {});
    try {
      await makeFolder(dirname(path));
      await writeDurably(partial, content);
      await rename(partial, path);
      written = path;
      // Syncs all folders, because a concurrent put that made a folder may not have synced its name
      // yet.
      for (const folder of foldersAbove(path, base)) await syncFolder(folder);
    } catch (error) {
      content.destroy();
      await rm(written, { force: true }).catch(() => {});
      throw isOwnError(error) ? putError(key, error) : error;
    }
  };

  const get = async (key: string, range?: ByteRange): Promise<Readable> => {
    try {
      const file = createReadStream(pathOf(key), { ...range, highWaterMark: READ_CHUNK_BYTES });
      await once(file, 'open');
      return file;
    } catch (error) {
      throw new StorageError(key, error);
    }
  };

  const remove = async (prefix: string): Promise<void> => {
    try {
      await rm(pathOf(prefix), { recursive: true, force: true });
      await syncFolder(dirname(pathOf(prefix)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw new StorageError(prefix, error);
    }
  };

  const list = async (prefix: string): Promise<string[]> => {
    try {
      const entries = await readdir(pathOf(prefix), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(base, join(entry.parentPath, entry.name)).split(sep).join('/'))
        .toSorted();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new StorageError(prefix, error);
    }
  };

  return { put, get, remove, list, ...createRoomLook(base) };
};

/**
 * `flush` syncs the file before it is closed. After a failed sync the caller deletes the file and
 * never syncs it again: a second fsync may report success for pages that the first one lost.
 */
const writeDurably = (path: string, content: Readable): Promise<void> =>
  pipeline(content, createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }));

/** Folders from the parent of `path` up to the parent of `base`. */
const foldersAbove = (path: string, base: string): string[] => {
  const folders: string[] = [];
  const top = dirname(base);
  for (let folder = dirname(path); folder.length > top.length; folder = dirname(folder)) {
    folders.push(folder);
  }
  return [...folders, top];
};

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Whether the write failed, and not the source of the bytes, such as a database connection. */
const isOwnError = (error: unknown): boolean => {
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall !== undefined && syscall !== 'read';
};
