import { Readable } from 'node:stream';
import type { Connection, Submittable } from 'pg';

/**
 * Size of the chunks it gives, in bytes. PostgreSQL sends a message a row in packets of 8 KiB; passed on
 * as they come they would cost gzip and hashing twice the time.
 */
const CHUNK_BYTES = 1024 * 1024;

/** What `COPY … TO STDOUT` gives, row after row without a seam, and how many rows that were. */
export interface CopyOut extends Readable, Submittable {
  /** As the `COPY` tag says; once the stream has ended. */
  rowCount: number;
}

const HEADER_BYTES = 5;
const COPY_DATA = 'd'.charCodeAt(0);
const COPY_DONE = 'c'.charCodeAt(0);
/** CopyOutResponse, and what a server may send in between: notices, parameters, notifications. */
const PASSED_OVER: readonly number[] = [...Buffer.from('HNSA')];

/** Takes the rows out of the protocol's messages, which come in packets cut anywhere. */
const createUnwrapper = (give: (chunk: Buffer) => boolean) => {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerFill = 0;
  let code = 0;
  let left = 0;
  let out = Buffer.allocUnsafe(CHUNK_BYTES);
  let filled = 0;

  const flush = (): boolean => {
    if (filled === 0) return true;
    const chunk = out.subarray(0, filled);
    out = Buffer.allocUnsafe(CHUNK_BYTES);
    filled = 0;
    return give(chunk);
  };

  /** @returns how many bytes of the packet it took; a header that is not whole is kept */
  const takeHeader = (packet: Buffer, at: number): number => {
    const taken = packet.copy(header, headerFill, at, at + HEADER_BYTES - headerFill);
    headerFill += taken;
    if (headerFill === HEADER_BYTES) {
      code = header.readUInt8(0);
      left = header.readUInt32BE(1) - 4;
    }
    return taken;
  };

  const takeContent = (packet: Buffer, at: number): [taken: number, isWanted: boolean] => {
    const size = Math.min(left, packet.length - at);
    const taken = code === COPY_DATA ? Math.min(size, CHUNK_BYTES - filled) : size;
    if (code === COPY_DATA) filled += packet.copy(out, filled, at, at + taken);
    left -= taken;
    if (left === 0) headerFill = 0;
    return [taken, filled < CHUNK_BYTES || flush()];
  };

  /**
   * @returns whether more is wanted, and what is not for this stream any more: the end of the rows, or
   *   an error, for the driver to read
   */
  const take = (packet: Buffer): { isWanted: boolean; rest?: Buffer } => {
    let isWanted = true;
    for (let at = 0; at < packet.length;) {
      if (headerFill < HEADER_BYTES) {
        at += takeHeader(packet, at);
        if (headerFill < HEADER_BYTES) break;
        if (left === 0 && code !== COPY_DONE) headerFill = 0;
        if (code === COPY_DONE) return { isWanted: flush(), rest: packet.subarray(at) };
        if (code !== COPY_DATA && !PASSED_OVER.includes(code)) {
          return { isWanted: flush(), rest: Buffer.concat([header, packet.subarray(at)]) };
        }
      } else {
        const [taken, isStillWanted] = takeContent(packet, at);
        at += taken;
        isWanted &&= isStillWanted;
      }
    }
    return { isWanted };
  };
  return take;
};

/**
 * A `COPY … TO STDOUT` statement as a stream, to be given to a client's `query`. Holds back PostgreSQL
 * while its reader is slow. One that is broken off leaves its connection in the middle of the rows: it
 * must be closed.
 */
export const copyOut = (statement: string): CopyOut => {
  let connection: Connection | undefined;
  let onData: ((packet: Buffer) => void) | undefined;
  let isWanted = false;

  const detach = (rest: Buffer): void => {
    const stream = connection?.stream;
    connection = undefined;
    if (stream === undefined || onData === undefined) return;
    stream.removeListener('readable', forward);
    stream.on('data', onData);
    onData(rest);
    // Not at once: a listener that is taken off pauses the stream in this very turn.
    process.nextTick(() => stream.resume());
  };
  const take = createUnwrapper((chunk) => readable.push(chunk));
  const forward = (): void => {
    while (isWanted) {
      const packet = connection?.stream.read() as Buffer | null | undefined;
      if (packet == null) return;
      const taken = take(packet);
      isWanted = taken.isWanted;
      if (taken.rest !== undefined) detach(taken.rest);
    }
  };
  const readable = new Readable({
    highWaterMark: CHUNK_BYTES,
    read: () => {
      isWanted = true;
      forward();
    },
  });
  return Object.assign(readable, {
    rowCount: 0,
    submit(this: CopyOut, to: Connection): void {
      connection = to;
      const [listener] = to.stream.listeners('data') as ((packet: Buffer) => void)[];
      if (listener === undefined) throw new Error('the connection has no reader of its own');
      onData = listener;
      to.stream.removeListener('data', listener);
      to.stream.pause();
      to.stream.on('readable', forward);
      to.query(statement);
    },
    handleError: (error: Error): void => void readable.destroy(error),
    handleCommandComplete(this: CopyOut, { text }: { text?: string }): void {
      this.rowCount = Number(/^COPY (\d+)/.exec(text ?? '')?.[1] ?? 0);
      // Only now: who sees the end must find the count.
      readable.push(null);
    },
    handleReadyForQuery: (): void => {},
  });
};
