import { isAscii, isUtf8 } from 'node:buffer';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** Longest text of a file once it is unpacked, in bytes: gzip makes 1,000 of one. */
const MAX_TEXT_BYTES = 8 * 1024 ** 3;

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const UNPACKED_CHUNK_BYTES = 256 * 1024;
const BYTE_ORDER_MARK = '\uFEFF';
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Text that ends here, for a reason that lies in the file; whoever counts lines says where. */
export class TextError extends Error {
  readonly type: 'invalidGzip' | 'notUtf8' | 'tooLarge';

  constructor(type: TextError['type'], message: string) {
    super(message);
    this.name = 'TextError';
    this.type = type;
  }
}

/** By hand, so that who stops reading does not close the rest, which has to be read all the same. */
const chunksFrom = async function* (
  first: Buffer,
  rest: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield next.value;
  }
};

/** The file's bytes, unpacked where they begin as gzip's do. Errors of gunzip have codes of zlib. */
const unpacked = async function* (file: Readable): AsyncGenerator<Buffer> {
  const chunks = file[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
  try {
    let first: Buffer = Buffer.alloc(0);
    while (first.length < GZIP_MAGIC.length) {
      const next = await chunks.next();
      if (next.done === true) break;
      first = Buffer.concat([first, next.value]);
    }
    const all = chunksFrom(first, chunks);
    if (!first.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) {
      yield* all;
      return;
    }
    // The error of either comes out of the last one's iteration.
    yield* pipeline(all, createGunzip({ chunkSize: UNPACKED_CHUNK_BYTES }), () => {});
    // Zeros may follow; who takes a digest of the file on the way wants them read.
    while ((await chunks.next()).done !== true);
  } finally {
    await chunks.return?.();
  }
};

/** Where the last character begins that is not all there; else the end. */
const endOfCharacters = (bytes: Buffer): number => {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const byte = bytes.readUInt8(bytes.length - length);
    const isContinuation = (byte & 0xc0) === 0x80;
    if (isContinuation) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > length ? bytes.length - length : bytes.length;
  }
  return bytes.length;
};

/**
 * Where a piece is best cut: after a line, so that hardly any text is left over to be put before the
 * next piece, which would copy that.
 */
const endOfPiece = (bytes: Buffer): number =>
  bytes.lastIndexOf(LINE_FEED) + 1 || endOfCharacters(bytes);

/** Where the line begins that holds the first bytes that are not UTF-8. */
const startOfBrokenLine = (bytes: Buffer): number => {
  let start = 0;
  for (const [index, byte] of bytes.entries()) {
    if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) continue;
    if (!isUtf8(bytes.subarray(start, index))) break;
    start = index + 1;
  }
  return start;
};

/** ASCII, by far the most, is decoded several times as fast as the rest. */
const decode = (bytes: Buffer): string =>
  isAscii(bytes) ? bytes.toString('latin1') : bytes.toString('utf8');

const withoutMark = (text: string): string =>
  text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;

const decoded = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let tail: Buffer = Buffer.alloc(0);
  let byteCount = 0;
  for await (const chunk of chunks) {
    byteCount += chunk.length;
    if (byteCount > MAX_TEXT_BYTES) {
      throw new TextError('tooLarge', `the text is longer than ${MAX_TEXT_BYTES} bytes. Split it.`);
    }
    const bytes = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    const end = endOfPiece(bytes);
    const whole = bytes.subarray(0, end);
    tail = bytes.subarray(end);
    if (!isUtf8(whole)) {
      tail = whole;
      break;
    }
    yield decode(whole);
  }
  if (isUtf8(tail)) {
    yield decode(tail);
    return;
  }
  yield decode(tail.subarray(0, startOfBrokenLine(tail)));
  throw new TextError('notUtf8', 'bytes that are not UTF-8. Save it as UTF-8.');
};

const isFromGunzip = (error: unknown): boolean =>
  ((error as NodeJS.ErrnoException).code ?? '').startsWith('Z_');

/**
 * The text of a file in UTF-8, packed by gzip or not, piece by piece, without its byte-order mark. What
 * can be read before an error comes before it, up to the line where it is.
 *
 * @throws TextError when the reason lies in the file; what the stream throws
 */
export const textOf = async function* (file: Readable): AsyncGenerator<string> {
  let isStart = true;
  try {
    for await (const text of decoded(unpacked(file))) {
      yield isStart ? withoutMark(text) : text;
      isStart &&= text === '';
    }
  } catch (error) {
    if (!isFromGunzip(error)) throw error;
    throw new TextError('invalidGzip', 'the gzip data is damaged, or ends here. Pack it again.');
  }
};
