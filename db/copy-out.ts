import { Readable } from 'node:stream';
import type { Connection, Submittable } from 'pg';
import { COPY_CHUNK_BYTES, createUnwrapper, type CopyWays } from './copy-messages.ts';

/** What `COPY … TO STDOUT` gives, row after row without a seam, and how many rows that were. */
export interface CopyOut extends Readable, Submittable {
  /** As the `COPY` tag says; once the stream has ended. */
  rowCount: number;
}

/**
 * A `COPY … TO STDOUT` statement as a stream, to be given to a client's `query`. Holds back PostgreSQL
 * while its reader is slow. One that is broken off leaves its connection in the middle of the rows: it
 * must be closed.
 */
export const copyOut = (statement: string, ways?: CopyWays): CopyOut => {
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
  const take = createUnwrapper((chunk) => readable.push(chunk), ways);
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
    highWaterMark: COPY_CHUNK_BYTES,
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
