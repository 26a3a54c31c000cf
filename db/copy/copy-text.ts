import type { Readable } from 'node:stream';
import { finished } from 'node:stream';
import type pg from 'pg';
import type { RawBuilder } from 'kysely';
import { toCopyStatements } from '../../selection/statements.ts';
import type { CopyWays } from './copy-messages.ts';
import { copyOut } from './copy-out.ts';
import { setCopyValues } from './copy-values.ts';

/**
 * The rows of a query as a stream of CSV with a header, processed by `ways`. Holds a connection
 * until the stream has ended. If the stream is destroyed, its connection is closed, because the
 * server would keep sending.
 *
 * @throws Error of the driver when no connection is available, or the COPY cannot begin
 */
export const copyText = async (
  pool: pg.Pool,
  query: RawBuilder<unknown>,
  ways?: Pick<CopyWays, 'startRow' | 'compress'>,
): Promise<Readable> => {
  const client = await pool.connect();
  try {
    const stream = client.query(copyOut(await begin(client, query), ways));
    finished(stream, (error) => {
      if (error) client.release(error);
      else void end(client);
    });
    return stream;
  } catch (error) {
    client.release(true);
    throw error;
  }
};

/** Begins a transaction for the COPY. The values of the COPY end with the transaction. */
const begin = async (client: pg.PoolClient, query: RawBuilder<unknown>): Promise<string> => {
  const { texts, values } = toCopyStatements([query]);
  // The COPY takes as long as its reader.
  await client.query('BEGIN READ ONLY; SET LOCAL statement_timeout = 0');
  await setCopyValues(client, values);
  return `COPY (${texts[0]}) TO STDOUT (FORMAT csv, HEADER)`;
};

const end = async (client: pg.PoolClient): Promise<void> => {
  try {
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    client.release(error as Error);
  }
};
