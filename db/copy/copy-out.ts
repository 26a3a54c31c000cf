import { type Duplex, Readable } from 'node:stream';
import type { Connection, Submittable } from 'pg';
import { COPY_CHUNK_BYTES, createUnwrapper, type CopyWays } from './copy-messages.ts';
import { ReusedBufferSocket } from '../connections/reused-buffer-socket.ts';

/** The rows of `COPY … TO STDOUT` as one continuous stream, and their count. */
export interface CopyOut extends Readable, Submittable {
  /** The count of the `COPY` command tag; set once the stream has ended. */
  rowCount: number;
}

/**
 * A `COPY … TO STDOUT` statement as a stream, for a client's `query`. While its reader is slow,
 * PostgreSQL is paused. If the stream is destroyed early, the connection still receives rows and
 * must be closed.
 */
export const copyOut = (statement: string, ways?: CopyWays): CopyOut => {
  let stream: Duplex | undefined;
  let onData: ((packet: Buffer) => void) | undefined;

  const detach = (rest: Buffer): void => {
    if (stream === undefined || onData === undefined) return;
    // Copied before the socket reuses its buffer.
    const ours = Buffer.from(rest);
    stream.removeListener('data', forward);
    stream.on('data', onData);
    if (stream instanceof ReusedBufferSocket) stream.isReusing = false;
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
      // The socket emits this event, so a thrown error would end the process.
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
      if (stream instanceof ReusedBufferSocket) stream.isReusing = true;
      to.query(statement);
    },
    handleError: (error: Error): void => void readable.destroy(error),
    handleCommandComplete(this: CopyOut, { text }: { text?: string }): void {
      this.rowCount = Number(/^COPY (\d+)/.exec(text ?? '')?.[1] ?? 0);
      // Only now, because a reader that sees the end must find the count.
      readable.push(null);
    },
    handleReadyForQuery: (): void => {},
  });
};
