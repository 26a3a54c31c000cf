import { sql } from 'kysely';
import type { Trx } from '../client.ts';

/** For statements that read all users of a workspace, or write millions of rows. */
const LONG_STATEMENT = '15min';

/** Raises the statement timeout of a transaction to `LONG_STATEMENT`. */
export const allowLong = async (trx: Trx): Promise<void> => {
  await sql`SET LOCAL statement_timeout = ${sql.lit(LONG_STATEMENT)}`.execute(trx);
};
