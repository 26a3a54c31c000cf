import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { type FileErrorType, ImportFileError } from './file-error.ts';
import { KIND_BYTES, kindOfContent } from './file-kind.ts';
import { isFromGunzip, isTooMuch, MAX_DECOMPRESSED_RATIO, decompressed } from './decompress.ts';

/**
 * Longest text of an imported file after decompression, in bytes. gzip can produce 1,000 bytes from
 * one.
 */
const MAX_TEXT_BYTES = 8 * 1024 ** 3;

const TOO_MUCH =
  `the text is more than ${MAX_DECOMPRESSED_RATIO} times as long as the compressed file. ` +
  'Upload the file without compression, or split it.';
/** Most bytes of a character whose last byte is missing. */
const MAX_CUT_BYTES = 3;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Options for reading a text. */
export interface TextOptions {
  /** Columns that the file is said to have. Their names may contain separators of other files. */
  names?: ReadonlySet<string> | undefined;
  /** Longest text, in bytes. Default: the limit of an import. */
  maxTextBytes?: number | undefined;
}

/**
 * The text of a file in UTF-8, which may be compressed by gzip, in pieces of whole characters.
 *
 * @throws ImportFileError when the content is not text or not CSV, the text is too long, or the
 *   gzip data is damaged; errors of the stream
 */
export const textOf = async function* (
  file: Readable,
  { maxTextBytes: maxBytes = MAX_TEXT_BYTES, names }: TextOptions = {},
): AsyncGenerator<Buffer> {
  const { count, line } = createLineCounter();
  const fail = (type: FileErrorType, message: string) => new ImportFileError(type, line(), message);
  let byteCount = 0;
  let tail: Buffer = Buffer.alloc(0);
  try {
    for await (const piece of ofCsv(decompressed(file), names)) {
      byteCount += piece.length;
      if (byteCount > maxBytes) {
        throw fail('tooLarge', `the text is longer than ${maxBytes} bytes. Split the file.`);
      }
      const bytes = tail.length === 0 ? piece : Buffer.concat([tail, piece]);
      const whole = wholeCharacters(bytes);
      tail = bytes.subarray(whole?.length ?? 0);
      count(whole ?? beforeBroken(bytes));
      if (whole === undefined) break;
      yield whole;
    }
  } catch (error) {
    if (!isFromGunzip(error)) throw error;
    if (isTooMuch(error)) throw fail('tooLarge', TOO_MUCH);
    throw fail(
      'invalidGzip',
      'the gzip data is damaged, incomplete, or followed by other data. Compress the file again.',
    );
  }
  if (tail.length > 0)
    throw fail('notUtf8', 'the file has bytes that are not valid UTF-8. Save the file as UTF-8.');
};

/** Counts lines. CR LF, LF and CR each end a line, as for records. */
const createLineCounter = () => {
  let breaks = 0;
  let last = 0;
  return {
    // Searches for each byte value, which takes a fraction of the time of a loop over all bytes.
    count: (bytes: Buffer): void => {
      breaks += countByte(bytes, LINE_FEED) + countByte(bytes, CARRIAGE_RETURN);
      breaks -= countPairs(bytes, last);
      last = bytes.at(-1) ?? last;
    },
    /** Line number of the end of the counted bytes, from 1. */
    line: (): number => 1 + breaks,
  };
};

/** Number of occurrences of a byte. */
const countByte = (bytes: Buffer, byte: number): number => {
  let count = 0;
  for (let at = bytes.indexOf(byte); at !== -1; at = bytes.indexOf(byte, at + 1)) count += 1;
  return count;
};

/**
 * Number of line feeds that follow a carriage return. `before` is the byte before the first one.
 */
const countPairs = (bytes: Buffer, before: number): number => {
  let count = before === CARRIAGE_RETURN && bytes[0] === LINE_FEED ? 1 : 0;
  let at = bytes.indexOf(CARRIAGE_RETURN);
  for (; at !== -1; at = bytes.indexOf(CARRIAGE_RETURN, at + 1)) {
    if (bytes[at + 1] === LINE_FEED) count += 1;
  }
  return count;
};

/**
 * Passes bytes on unchanged, once the first bytes are enough to identify the kind.
 *
 * @throws ImportFileError when the content is not CSV
 */
const ofCsv = async function* (
  pieces: AsyncIterable<Buffer>,
  names: ReadonlySet<string> | undefined,
): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  try {
    for await (const piece of pieces) {
      if (head === undefined) {
        yield piece;
        continue;
      }
      head = Buffer.concat([head, piece]);
      if (head.length < KIND_BYTES) continue;
      requireCsv(head, names);
      yield head;
      head = undefined;
    }
  } catch (error) {
    // Pass the first bytes on, so that their lines are counted: the error stands behind them.
    if (head !== undefined && isFromGunzip(error)) yield head;
    throw error;
  }
  if (head === undefined) return;
  requireCsv(head, names);
  yield head;
};

const requireCsv = (head: Buffer, names: ReadonlySet<string> | undefined): void => {
  const kind = kindOfContent(head, names);
  if (kind !== undefined) throw new ImportFileError('notCsv', 1, `the file is ${kind}`);
};

/** The bytes without an incomplete character at the end; undefined if the rest is not UTF-8. */
const wholeCharacters = (bytes: Buffer): Buffer | undefined => {
  for (let cut = 0; cut <= Math.min(MAX_CUT_BYTES, bytes.length); cut++) {
    const whole = bytes.subarray(0, bytes.length - cut);
    if (isUtf8(whole)) return whole;
  }
  return undefined;
};

/** The bytes before the first byte that is not UTF-8. */
const beforeBroken = (bytes: Buffer): Buffer => {
  const repaired = Buffer.from(bytes.toString());
  const broken = bytes.findIndex((byte, at) => byte !== repaired[at]);
  return bytes.subarray(0, broken);
};
