import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const UNPACKED_CHUNK_BYTES = 256 * 1024;

/**
 * Longest text of a packed file, as a multiple of what was read of it: a file of 300 columns that
 * are all `false` comes to 220, and gzip makes up to 1,032 of one.
 */
export const MAX_UNPACKED_RATIO = 400;
/** Text of a packed file that is always read, in bytes. */
const MIN_UNPACKED_BYTES = 8 * 1024 * 1024;

/** The code of an error for text that is longer than `MAX_UNPACKED_RATIO` allows. */
const TOO_MUCH = 'Z_TOO_MUCH';

/** The code of an error for bytes that follow the zeros after the last member of a gzip file. */
const BYTES_AFTER_ZEROS = 'Z_BYTES_AFTER_ZEROS';

/** True for what gunzip throws, and for bytes that it would leave out. */
export const isFromGunzip = (error: unknown): boolean =>
  ((error as NodeJS.ErrnoException).code ?? '').startsWith('Z_');

export const isTooMuch = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException).code === TOO_MUCH;

/** @throws Error with a code of zlib when a byte is not zero */
const requireZeros = (bytes: Buffer): void => {
  if (bytes.equals(Buffer.alloc(bytes.length))) return;
  throw Object.assign(new Error('bytes after zeros'), { code: BYTES_AFTER_ZEROS });
};

/** A file's pieces, which are kept until `unread` is asked which of them were left. */
const createFeed = (head: Buffer, pieces: AsyncIterator<Buffer>) => {
  const given: Buffer[] = [head];
  let droppedBytes = 0;
  let reading: Promise<unknown> = Promise.resolve();
  /** Not closed by a reader that stops early: the rest has to be read all the same. */
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
  /** Everything after the first so many bytes, to the end of the file. */
  const unread = async function* (readBytes: number): AsyncGenerator<Buffer> {
    await reading;
    yield Buffer.concat(given).subarray(readBytes - droppedBytes);
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      yield next.value;
    }
  };
  return { feed, unread };
};

/**
 * The file's bytes, unpacked where they begin as gzip's do. A gzip file may have several members,
 * and zeros after the last one, which are read to the end of the file.
 *
 * @throws an error for which `isFromGunzip` holds; what the stream throws
 */
export const unpacked = async function* (file: Readable): AsyncGenerator<Buffer> {
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
  // The error of either comes out of the last one's iteration.
  const text = pipeline(
    () => feed(read),
    gunzip,
    () => {},
  ) as AsyncIterable<Buffer>;
  let textBytes = 0;
  for await (const piece of text) {
    textBytes += piece.length;
    if (textBytes > Math.max(MIN_UNPACKED_BYTES, MAX_UNPACKED_RATIO * read())) {
      throw Object.assign(new Error('too much text'), { code: TOO_MUCH });
    }
    yield piece;
  }
  // Gunzip takes a zero after a member for the end, whatever follows the zero.
  for await (const bytes of unread(gunzip.bytesWritten)) requireZeros(bytes);
};
