import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const UNPACKED_CHUNK_BYTES = 256 * 1024;

/**
 * Longest text of a compressed file, as a multiple of the bytes read so far. A file of 300 columns
 * that are all `false` reaches 220; gzip reaches at most 1,032.
 */
export const MAX_DECOMPRESSED_RATIO = 400;
/** Text length in bytes up to which the ratio is not checked. */
const MIN_UNPACKED_BYTES = 8 * 1024 * 1024;

/** The code of an error for text that exceeds `MAX_DECOMPRESSED_RATIO`. */
const TOO_MUCH = 'Z_TOO_MUCH';

/** The code of an error for bytes other than zeros after the last member of a gzip file. */
const BYTES_AFTER_ZEROS = 'Z_BYTES_AFTER_ZEROS';

/** Whether gunzip threw the error, or this module for data that gunzip would ignore. */
export const isFromGunzip = (error: unknown): boolean =>
  ((error as NodeJS.ErrnoException).code ?? '').startsWith('Z_');

export const isTooMuch = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException).code === TOO_MUCH;

/**
 * The file's bytes, decompressed if they begin with the magic bytes of gzip. A gzip file may have
 * several members, and zeros after the last one. The file is always read to its end.
 *
 * @throws Error for which `isFromGunzip` is true; errors of the stream
 */
export const decompressed = async function* (file: Readable): AsyncGenerator<Buffer> {
  const pieces = file[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
  let head: Buffer = Buffer.alloc(0);
  while (head.length < GZIP_MAGIC.length) {
    const next = await pieces.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const { feed, unread } = createFeed(head, pieces);
  if (!head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) {
    yield* unread(0);
    return;
  }
  const gunzip = createGunzip({ chunkSize: UNPACKED_CHUNK_BYTES });
  const read = () => gunzip.bytesWritten;
  // An error of `feed` or gunzip is raised by this iteration.
  const text = pipeline(
    () => feed(read),
    gunzip,
    () => {},
  ) as AsyncIterable<Buffer>;
  let textBytes = 0;
  for await (const piece of text) {
    textBytes += piece.length;
    if (textBytes > Math.max(MIN_UNPACKED_BYTES, MAX_DECOMPRESSED_RATIO * read())) {
      throw Object.assign(new Error('too much text'), { code: TOO_MUCH });
    }
    yield piece;
  }
  // Gunzip stops at a zero after a member, and ignores all bytes after it.
  for await (const bytes of unread(gunzip.bytesWritten)) requireZeros(bytes);
};

/**
 * Feeds a file's pieces to gunzip, and keeps them until gunzip has read them. `unread` returns the
 * rest.
 */
const createFeed = (head: Buffer, pieces: AsyncIterator<Buffer>) => {
  const given: Buffer[] = [head];
  let droppedBytes = 0;
  let reading: Promise<unknown> = Promise.resolve();
  /** When its reader stops early, the source stays open: the rest must still be read. */
  const feed = async function* (readBytes: () => number): AsyncGenerator<Buffer> {
    yield head;
    for (;;) {
      const next = pieces.next();
      reading = next;
      const { value, done } = await next;
      if (done === true) return;
      for (let first = given[0]; first !== undefined; first = given[0]) {
        if (droppedBytes + first.length > readBytes()) break;
        droppedBytes += first.length;
        given.shift();
      }
      given.push(value);
      yield value;
    }
  };
  /** All bytes after the first `readBytes`, to the end of the file. */
  const unread = async function* (readBytes: number): AsyncGenerator<Buffer> {
    await reading;
    yield Buffer.concat(given).subarray(readBytes - droppedBytes);
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      yield next.value;
    }
  };
  return { feed, unread };
};

/** @throws Error with code `BYTES_AFTER_ZEROS` when a byte is not zero */
const requireZeros = (bytes: Buffer): void => {
  if (bytes.equals(Buffer.alloc(bytes.length))) return;
  throw Object.assign(new Error('bytes after zeros'), { code: BYTES_AFTER_ZEROS });
};
