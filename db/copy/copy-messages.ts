import type { CopyPlaces } from './copy-row-ids.ts';

/**
 * Size of the chunks it gives, in bytes. PostgreSQL sends a message a row in packets of 8 KiB;
 * passed on as they come they would cost gzip and hashing twice the time.
 */
export const COPY_CHUNK_BYTES = 1024 * 1024;

const HEADER_BYTES = 5;
const COPY_DATA = 'd'.charCodeAt(0);
const COPY_DONE = 'c'.charCodeAt(0);
/** CopyOutResponse, and what a server may send in between: notices, parameters, notifications. */
const PASSED_OVER: readonly number[] = [...Buffer.from('HNSA')];

/** The code and length before each message's content, which may come in two packets. */
const createHeader = () => {
  const bytes = Buffer.alloc(HEADER_BYTES);
  let filled = 0;
  return {
    bytes,
    isWhole: () => filled === HEADER_BYTES,
    /** @returns how many bytes it took */
    take: (packet: Buffer, from: number, end: number): number => {
      const taken = Math.min(HEADER_BYTES - filled, end - from);
      for (let index = 0; index < taken; index++) {
        bytes[filled + index] = packet[from + index] ?? 0;
      }
      filled += taken;
      return taken;
    },
    code: () => bytes.readUInt8(0),
    contentBytes: () => bytes.readUInt32BE(1) - 4,
    clear: () => {
      filled = 0;
    },
  };
};

/** What is done to rows on their way. */
export interface CopyWays {
  /** Takes the first column off each row. */
  places?: CopyPlaces | undefined;
  /** Hears where each row begins in the next chunk, its places taken off. */
  startRow?: ((at: number) => void) | undefined;
  /**
   * Gives what is given on of a chunk, which is written over after that unless it is given on
   * itself.
   */
  pack?: ((chunk: Buffer) => Buffer) | undefined;
}

const beginRow = ({ places, startRow }: CopyWays, at: number): void => {
  places?.begin();
  startRow?.(at);
};

/**
 * Takes the rows out of the protocol's messages, of which each row has one; they come in packets
 * cut anywhere. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export const createUnwrapper = (give: (chunk: Buffer) => boolean, ways: CopyWays = {}) => {
  const { places, pack } = ways;
  const header = createHeader();
  let code = 0;
  let left = 0;
  let out = Buffer.allocUnsafe(COPY_CHUNK_BYTES);
  let filled = 0;

  const flush = (): boolean => {
    if (filled === 0) return true;
    const chunk = out.subarray(0, filled);
    filled = 0;
    const given = pack?.(chunk) ?? chunk;
    if (given === chunk) out = Buffer.allocUnsafe(COPY_CHUNK_BYTES);
    return give(given);
  };

  const makeRoom = (bytes: number): boolean => {
    if (filled + bytes <= out.length) return true;
    const isWanted = flush();
    if (bytes > out.length) out = Buffer.allocUnsafe(bytes);
    return isWanted;
  };

  const takeContent = (from: number, end: number): number => {
    const taken = Math.min(left, end - from);
    if (code === COPY_DATA) {
      const text = places?.isOpen() === true ? from + places.take(out, from, from + taken) : from;
      out.copyWithin(filled, text, from + taken);
      filled += from + taken - text;
    }
    left -= taken;
    if (left === 0) header.clear();
    return taken;
  };

  /**
   * Rows are moved together where the packet was put: half the time of a view and a copy for each.
   *
   * @returns whether more is wanted, and what is not for this stream any more: the end of the rows,
   *   or an error, for the driver to read
   */
  const take = (packet: Buffer): { isWanted: boolean; rest?: Buffer } => {
    const isWanted = makeRoom(packet.length);
    const start = filled;
    const end = start + packet.length;
    out.set(packet, start);
    for (let at = start; at < end;) {
      if (header.isWhole()) {
        at += takeContent(at, end);
        continue;
      }
      at += header.take(out, at, end);
      if (!header.isWhole()) break;
      code = header.code();
      left = header.contentBytes();
      if (code === COPY_DATA) beginRow(ways, filled);
      if (code === COPY_DONE) return { isWanted: flush(), rest: packet.subarray(at - start) };
      if (code !== COPY_DATA && !PASSED_OVER.includes(code)) {
        const rest = Buffer.concat([header.bytes, packet.subarray(at - start)]);
        return { isWanted: flush(), rest };
      }
      if (left === 0) header.clear();
    }
    return { isWanted };
  };
  return take;
};
