import { type Duplex, Readable } from 'node:stream';
import type { Connection, Submittable } from 'pg';
import { COPY_CHUNK_BYTES, createUnwrapper, type CopyWays } from './copy-messages.ts';
import { LendingSocket } from '../connections/reused-buffer-socket.ts';

/** What `COPY … TO STDOUT` gives, row after row without a seam, and how many rows that were. */
export interface CopyOut extends Readable, Submittable {
  /** As the `COPY` tag says; once the stream has ended. */
  rowCount: number;
}

/**
 * A `COPY … TO STDOUT` statement as a stream, to be given to a client's `query`. Holds back
 * PostgreSQL while its reader is slow. One that is broken off leaves its connection in the middle
 * of the rows: it must be closed.
 */
export const copyOut = (statement: string, ways?: CopyWays): CopyOut => {
  let stream: Duplex | undefined;
  let onData: ((packet: Buffer) => void) | undefined;

  const detach = (rest: Buffer): void => {
    if (stream === undefined || onData === undefined) return;
    // Before the loan ends.
    const ours = Buffer.from(rest);
    stream.removeListener('data', forward);
    stream.on('data', onData);
    if (stream instanceof LendingSocket) stream.isLending = false;
    stream.resume();
    stream = undefined;
    onData(ours);
  };
  const take = createUnwrapper((chunk) => readable.push(chunk), ways);
  const forward = (packet: Buffer): void => {
    try {
      const { isWanted, rest } = take(packet);
      if (rest !== undefined) detach(rest);
      else if (!isWanted) stream?.pause();
    } catch (error) {
      // Thrown on, it would end the process: this is called for the socket, with nobody above.
      stream?.pause();
      readable.destroy(error as Error);
    }
  };
  const readable = new Readable({
    highWaterMark: COPY_CHUNK_BYTES,
    read: () => void stream?.resume(),
  });
  return Object.assign(readable, {
    rowCount: 0,
    submit(this: CopyOut, to: Connection): void {
      stream = to.stream;
      const [listener] = stream.listeners('data') as ((packet: Buffer) => void)[];
      if (listener === undefined) throw new Error('the connection has no reader of its own');
      onData = listener;
      stream.removeListener('data', listener);
      stream.on('data', forward);
      if (stream instanceof LendingSocket) stream.isLending = true;
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
