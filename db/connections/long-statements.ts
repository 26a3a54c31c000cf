import { sql } from 'kysely';
import type { Trx } from '../client.ts';
import { RAISE_LIMIT } from './answer-deadline.ts';

/** Raises the statement timeout of a transaction to 15 minutes. */
export const allowLong = async (trx: Trx): Promise<void> => {
  await sql.raw(RAISE_LIMIT).execute(trx);
};
