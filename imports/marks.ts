import { BYTE_ORDER_MARK } from '../selection/characters.ts';
import type { Head } from './head.ts';

const MARK = Buffer.from(BYTE_ORDER_MARK);
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;

/**
 * Average distance of quotes in bytes below which a loop over all bytes is faster than a search for
 * each quote.
 */
const SPARSE_BYTES = 32;

/**
 * Removes the byte-order marks of files that were appended. Such a mark stands at the start of a
 * line. If the previous line has no end, the mark and the repeated header after it are removed. A
 * mark within quotes, or anywhere else in a line, belongs to a value and stays. If the text itself
 * has no mark, a mark at the start of a line is removed only if a file may begin after it.
 */
export const withoutMarks = async function* (
  text: AsyncIterable<Buffer>,
  { header, separator, isMarked }: Pick<Head, 'header' | 'separator' | 'isMarked'>,
): AsyncGenerator<Buffer> {
  const [name = ''] = header.toString().split(separator, 1);
  const firstName = Buffer.from(name);
  let isQuoted = false;
  let isLineStart = true;
  let rest: Buffer = Buffer.alloc(0);
  /** The first line break from a place on, in the bytes that are being processed. */
  const findBreak = createBreakFinder();

  const look = (bytes: Buffer): void => {
    if (hasOddQuotes(bytes)) isQuoted = !isQuoted;
    if (bytes.length > 0) isLineStart = isBreak(bytes.at(-1));
  };
  const mayBeginFile = (bytes: Buffer, at: number): boolean =>
    isMarked ||
    at === bytes.length ||
    isBreak(bytes[at]) ||
    bytes[at] === QUOTE ||
    bytes.subarray(at, at + MARK.length).equals(MARK) ||
    bytes.subarray(at, at + firstName.length).equals(firstName) ||
    isSeparatorNote(bytes, at);
  /** Number of bytes to remove at a mark; undefined if the decision needs more text. */
  const lengthOut = (bytes: Buffer, at: number, isEnd: boolean): number | undefined => {
    if (isQuoted) return 0;
    if (isLineStart && isMarked) return MARK.length;
    const start = at + MARK.length;
    const end = start + header.length;
    if (bytes.length <= Math.max(end, start + MARK.length) && !isEnd) return undefined;
    if (isLineStart) return mayBeginFile(bytes, start) ? MARK.length : 0;
    // A header has no break, so it can end only at the next one. It is compared only there, because
    // a header may repeat a mark, and then much of it would be compared at each mark.
    const isHeader = findBreak(bytes, start) === end && bytes.subarray(start, end).equals(header);
    return isHeader ? end - at : 0;
  };
  /** @returns the bytes that must be processed again together with further text */
  const take = function* (bytes: Buffer, isEnd: boolean): Generator<Buffer, Buffer> {
    let from = 0;
    let seen = 0;
    for (let at = bytes.indexOf(MARK); at !== -1; at = bytes.indexOf(MARK, seen)) {
      look(bytes.subarray(seen, at));
      const length = lengthOut(bytes, at, isEnd);
      if (length === 0) look(MARK);
      else if (at > from) yield bytes.subarray(from, at);
      if (length === undefined) return bytes.subarray(at);
      seen = at + Math.max(length, MARK.length);
      if (length > 0) from = seen;
    }
    look(bytes.subarray(seen));
    yield bytes.subarray(from);
    return Buffer.alloc(0);
  };
  for await (const piece of text) {
    rest = yield* take(rest.length === 0 ? piece : Buffer.concat([rest, piece]), false);
  }
  yield* take(rest, true);
};

/** Makes a function that finds the next line break, or the end. It searches no byte twice. */
const createBreakFinder = () => {
  let known: { bytes: Buffer; from: number; at: number } | undefined;
  return (bytes: Buffer, from: number): number => {
    if (known?.bytes === bytes && known.from <= from && from <= known.at) return known.at;
    let at = from;
    while (at < bytes.length && !isBreak(bytes[at])) at++;
    known = { bytes, from, at };
    return at;
  };
};

const hasOddQuotes = (bytes: Buffer): boolean => {
  let isOdd = false;
  let from = 0;
  for (let count = 1; ; count++) {
    const at = bytes.indexOf(QUOTE, from);
    if (at === -1) return isOdd;
    isOdd = !isOdd;
    from = at + 1;
    if (from < count * SPARSE_BYTES) break;
  }
  for (let at = from; at < bytes.length; at++) if (bytes[at] === QUOTE) isOdd = !isOdd;
  return isOdd;
};

const isBreak = (byte: number | undefined): boolean =>
  byte === LINE_FEED || byte === CARRIAGE_RETURN;

/** A line such as `sep=;` may follow a mark. */
const isSeparatorNote = (bytes: Buffer, at: number): boolean =>
  bytes.toString('latin1', at, at + 4).toLowerCase() === 'sep=';
