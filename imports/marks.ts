const MARK = Buffer.from('\uFEFF');
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;

const isBreak = (byte: number | undefined): boolean =>
  byte === LINE_FEED || byte === CARRIAGE_RETURN;

/** By a loop: `indexOf` for each quote takes ten times as long. */
const hasOddQuotes = (bytes: Buffer): boolean => {
  let isOdd = false;
  for (const byte of bytes) if (byte === QUOTE) isOdd = !isOdd;
  return isOdd;
};

/**
 * Text without the byte-order marks of files that were joined to it: at the start of a line, and where
 * the line before did not end, with the header that follows there. A mark within quotes, or anywhere
 * else in a line, is of a value and stays.
 *
 * @param header what the first line of the text is, without a mark
 */
export const withoutMarks = async function* (
  text: AsyncIterable<Buffer>,
  header: Buffer,
): AsyncGenerator<Buffer> {
  let isQuoted = false;
  let isLineStart = true;
  let rest: Buffer = Buffer.alloc(0);

  /** Text in which no mark is to be taken off. */
  const pass = (bytes: Buffer): Buffer => {
    if (hasOddQuotes(bytes)) isQuoted = !isQuoted;
    if (bytes.length > 0) isLineStart = isBreak(bytes.at(-1));
    return bytes;
  };
  /** How much to leave out where a mark stands; undefined when more text has to come to know that. */
  const lengthOut = (bytes: Buffer, at: number, isEnd: boolean): number | undefined => {
    if (isQuoted) return 0;
    if (isLineStart) return MARK.length;
    const end = at + MARK.length + header.length;
    if (bytes.length <= end && !isEnd) return undefined;
    const isHeader = bytes.subarray(at + MARK.length, end).equals(header);
    return isHeader && (bytes.length === end || isBreak(bytes[end])) ? end - at : 0;
  };
  /** @returns what has to be looked at again once more text has come */
  const take = function* (bytes: Buffer, isEnd: boolean): Generator<Buffer, Buffer> {
    let from = 0;
    for (let at = bytes.indexOf(MARK); at !== -1; at = bytes.indexOf(MARK, from)) {
      yield pass(bytes.subarray(from, at));
      const length = lengthOut(bytes, at, isEnd);
      if (length === undefined) return bytes.subarray(at);
      if (length === 0) yield pass(MARK);
      from = at + Math.max(length, MARK.length);
    }
    yield pass(bytes.subarray(from));
    return Buffer.alloc(0);
  };
  for await (const piece of text) {
    rest = yield* take(rest.length === 0 ? piece : Buffer.concat([rest, piece]), false);
  }
  yield* take(rest, true);
};
