const FIRST_BYTES = 64 * 1024;
const COMMA = ','.charCodeAt(0);
const QUOTE = '"'.charCodeAt(0);

/** The places of rows, taken off the rows themselves. */
export interface CopyPlaces {
  /** A row begins. */
  begin: () => void;
  /** Whether the row's place has not ended yet. */
  isOpen: () => boolean;
  /** @returns how many of the bytes between `from` and `to` belong to the place */
  take: (packet: Buffer, from: number, to: number) => number;
  /** All of them in the order of the rows, as the text of a `tid[]`. */
  toArray: () => string;
}

/**
 * Collects the first column of each row of a `COPY … (FORMAT csv)`, which must be its `ctid`: a
 * place such as `"(12,3)",`. CSV always quotes it, for its comma, and a text array writes it alike.
 * It never becomes a value.
 */
export const createCopyPlaces = (): CopyPlaces => {
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
