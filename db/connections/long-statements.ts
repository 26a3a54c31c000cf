import { sql } from 'kysely';
import type { Trx } from '../client.ts';

/** For statements that go over all users of a workspace, or write down millions of them. */
const LONG_STATEMENT = '15min';

/** Lets the statements of a transaction take as long as many users need. */
export const allowLong = async (trx: Trx): Promise<void> => {
  await sql`SET LOCAL statement_timeout = ${sql.lit(LONG_STATEMENT)}`.execute(trx);
};
