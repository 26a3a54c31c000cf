import type { RawBuilder } from 'kysely';
import type pg from 'pg';
import { setCopyValues } from '../../../db/copy/copy-values.ts';
import { toCopyStatements } from '../../../selection/statements.ts';

/** Runs a query with its values read from settings of the transaction, as in COPY. */
export const queryByCopyValues = async <Row extends object>(
  client: pg.ClientBase,
  query: RawBuilder<unknown>,
): Promise<Row[]> => {
  const { texts, values } = toCopyStatements([query]);
  await client.query('BEGIN READ ONLY');
  try {
    await setCopyValues(client, values);
    return (await client.query<Row>(texts[0]!)).rows;
  } finally {
    await client.query('ROLLBACK');
  }
};
