const FIRST_BYTES = 64 * 1024;
const COMMA = ','.charCodeAt(0);
const QUOTE = '"'.charCodeAt(0);

/** Collects the ids of rows (`ctid`) from the rows themselves. */
export interface CopyRowIds {
  /** Starts a new row. */
  begin: () => void;
  /** Whether the row's id has not been read to its end. */
  isOpen: () => boolean;
  /** @returns how many of the bytes between `from` and `to` belong to the row id */
  take: (packet: Buffer, from: number, to: number) => number;
  /** All row ids in the order of the rows, as the text of a `tid[]`. */
  toArray: () => string;
}

/**
 * Collects the first column of each row of a `COPY … (FORMAT csv)`, which must be the row's `ctid`,
 * such as `"(12,3)",`. CSV always quotes a `ctid` because of its comma, and a text array has the
 * same format. So the text is never converted to a value.
 */
export const createCopyRowIds = (): CopyRowIds => {
  let text = Buffer.allocUnsafe(FIRST_BYTES);
  let filled = 0;
  let isOpen = false;

  const add = (byte: number): void => {
    if (filled === text.length) text = Buffer.concat([text, Buffer.allocUnsafe(text.length)]);
    text[filled] = byte;
    filled += 1;
  };
  return {
    begin: () => {
      isOpen = true;
    },
    isOpen: () => isOpen,
    take: (packet, from, to) => {
      let at = from;
      while (isOpen && at < to) {
        const byte = packet[at] ?? 0;
        isOpen = byte !== COMMA || text[filled - 1] !== QUOTE;
        add(byte);
        at += 1;
      }
      return at - from;
    },
    toArray: () => `{${text.toString('latin1', 0, Math.max(filled - 1, 0))}}`,
  };
};
