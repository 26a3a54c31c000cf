import { isUtf8 } from 'node:buffer';

/** Longest character in UTF-8, in bytes. */
const MAX_CHARACTER_BYTES = 4;

/**
 * Checks that text is valid UTF-8. The text comes in chunks, and a character may be in two or more
 * of them.
 */
export const createUtf8Check = () => {
  /** The first bytes of a character whose end is in a later chunk. */
  let begun = Buffer.alloc(0);

  /** Completes the begun character. @returns how many bytes of the chunk belong to it */
  const complete = (chunk: Buffer): number => {
    const missing = lengthOf(begun[0] ?? 0) - begun.length;
    begun = Buffer.concat([begun, chunk.subarray(0, missing)]);
    return Math.min(missing, chunk.length);
  };

  return {
    /** False if the text is not valid so far. */
    take: (chunk: Buffer): boolean => {
      let at = 0;
      if (begun.length > 0) {
        at = complete(chunk);
        if (at === chunk.length && begun.length < lengthOf(begun[0] ?? 0)) return true;
        if (!isUtf8(begun)) return false;
      }
      const end = startOfBegun(chunk, at);
      // Copied, because the caller may use the chunk's memory again.
      begun = Buffer.from(chunk.subarray(end));
      return isUtf8(chunk.subarray(at, end));
    },
    /** Whether the text ends with a whole character. */
    isWhole: (): boolean => begun.length === 0,
  };
};

/** The length that the first byte of a character states, in bytes; 1 for any other byte. */
const lengthOf = (first: number): number => {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
};

/** Where the last character of a chunk begins if its end is missing; otherwise the chunk's end. */
const startOfBegun = (chunk: Buffer, from: number): number => {
  const first = Math.max(from, chunk.length - MAX_CHARACTER_BYTES + 1);
  for (let at = chunk.length - 1; at >= first; at--) {
    const byte = chunk[at] ?? 0;
    if (byte >= 0xc0) return at + lengthOf(byte) > chunk.length ? at : chunk.length;
    if (byte < 0x80) break;
  }
  return chunk.length;
};
