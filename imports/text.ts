import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { type FileErrorType, ImportFileError } from './file-error.ts';
import { KIND_BYTES, kindOfContent } from './file-kind.ts';
import { isFromGunzip, isTooMuch, MAX_UNPACKED_RATIO, unpacked } from './unpack.ts';

/** Longest text of an import's file once it is unpacked, in bytes: gzip makes 1,000 of one. */
const MAX_TEXT_BYTES = 8 * 1024 ** 3;

const TOO_MUCH =
  `the text is more than ${MAX_UNPACKED_RATIO} times as long as the compressed file. ` +
  'Upload the file without compression, or split it.';
/** Of a character whose last one is still to come. */
const MAX_CUT_BYTES = 3;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The bytes without a last character that is not all there, if the rest is UTF-8. */
const wholeCharacters = (bytes: Buffer): Buffer | undefined => {
  for (let cut = 0; cut <= Math.min(MAX_CUT_BYTES, bytes.length); cut++) {
    const whole = bytes.subarray(0, bytes.length - cut);
    if (isUtf8(whole)) return whole;
  }
  return undefined;
};

/** The bytes before the first ones that are not UTF-8. */
const beforeBroken = (bytes: Buffer): Buffer => {
  const repaired = Buffer.from(bytes.toString());
  const broken = bytes.findIndex((byte, at) => byte !== repaired[at]);
  return bytes.subarray(0, broken);
};

/** How often a byte is there. */
const countByte = (bytes: Buffer, byte: number): number => {
  let count = 0;
  for (let at = bytes.indexOf(byte); at !== -1; at = bytes.indexOf(byte, at + 1)) count += 1;
  return count;
};

/** Line feeds that follow a carriage return. `before` is the byte before the first one. */
const countPairs = (bytes: Buffer, before: number): number => {
  let count = before === CARRIAGE_RETURN && bytes[0] === LINE_FEED ? 1 : 0;
  let at = bytes.indexOf(CARRIAGE_RETURN);
  for (; at !== -1; at = bytes.indexOf(CARRIAGE_RETURN, at + 1)) {
    if (bytes[at + 1] === LINE_FEED) count += 1;
  }
  return count;
};

/** Numbers the lines of what goes by: CR LF, LF and CR each end one, as they do for records. */
const createLineCounter = () => {
  let breaks = 0;
  let last = 0;
  return {
    // By look-ups, which pass over a line in a fraction of the time that its bytes take one by one.
    count: (bytes: Buffer): void => {
      breaks += countByte(bytes, LINE_FEED) + countByte(bytes, CARRIAGE_RETURN);
      breaks -= countPairs(bytes, last);
      last = bytes.at(-1) ?? last;
    },
    /** Where what was counted ends. */
    line: (): number => 1 + breaks,
  };
};

const requireCsv = (head: Buffer, names: ReadonlySet<string> | undefined): void => {
  const kind = kindOfContent(head, names);
  if (kind !== undefined) throw new ImportFileError('notCsv', 1, `the file is ${kind}`);
};

/**
 * The same bytes, once their beginning is long enough to show what they are.
 *
 * @throws ImportFileError when they are of another kind than CSV
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
    // Its lines are counted, for the error is behind them.
    if (head !== undefined && isFromGunzip(error)) yield head;
    throw error;
  }
  if (head === undefined) return;
  requireCsv(head, names);
  yield head;
};

/** What is known of a file before its text is read. */
export interface TextOptions {
  /** Columns that it is said to have: these names may hold what separates cells elsewhere. */
  names?: ReadonlySet<string> | undefined;
  /** Longest text, in bytes; by default as of an import. */
  maxTextBytes?: number | undefined;
}

/**
 * The text of a file in UTF-8, packed by gzip or not, in pieces of whole characters.
 *
 * @throws ImportFileError when it is no text; what the stream throws
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
    for await (const piece of ofCsv(unpacked(file), names)) {
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
