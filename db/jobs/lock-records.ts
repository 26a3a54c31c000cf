import { sql } from 'kysely';
import type { Trx } from '../client.ts';

/**
 * Serializes transactions that write records of one job or export, by an advisory lock on its id.
 * The lock is held until the transaction ends.
 */
export const lockRecords = async (trx: Trx, id: string): Promise<void> => {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${id}::text, 0))`.execute(trx);
};
