import type { Readable } from 'node:stream';
import { finished } from 'node:stream';
import type pg from 'pg';
import { copyOut } from './copy-out.ts';

/**
 * What a COPY statement gives, as a stream. Holds a connection until the stream has ended; one that
 * is broken off takes its connection down with it, since the server would go on sending.
 */
export const copyText = async (pool: pg.Pool, statement: string): Promise<Readable> => {
  const client = await pool.connect();
  const stream = client.query(copyOut(statement));
  finished(stream, (error) => {
    client.release(error ?? false);
  });
  return stream;
};
